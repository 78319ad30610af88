//! Pages of a list: what a client may ask for.

pub const LANGUAGES: [&str; 3] = ["nodejs", "python", "rust"];
pub const LONGEST: u32 = 100;
pub const DEFAULT: u32 = 20;

/// The size of a page: a whole number from 1 to `LONGEST`.
pub fn size(text: &str) -> Result<u32, String> {
    if text.is_empty() {
        return Ok(DEFAULT);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(size) if digits && (1..=LONGEST).contains(&size) => Ok(size),
        _ => Err(format!("a whole number from 1 to {LONGEST}, not {text:?}")),
    }
}

/// The language and the size of a page.
pub fn page<'a>(language: &'a str, size_text: &str) -> Result<(&'a str, u32), String> {
    if !LANGUAGES.contains(&language) {
        return Err(format!("one of {}, not {language:?}", LANGUAGES.join(", ")));
    }
    Ok((language, size(size_text)?))
}

#[cfg(test)]
mod tests;
