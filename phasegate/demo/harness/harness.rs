// Makes a program of one Rust script: this file, with the script in place of its last line.
// The program takes a FOLDER with `input.json` and writes `outcome.json` there: {"result": ...} or {"error": "..."}.
// A script defines `fn run(context: &Value, params: &Value) -> Result<Value, String>`.
#![allow(dead_code, unused_imports)]

use json::Value;

mod json {
    use std::collections::BTreeMap;
    use std::fmt;

    #[derive(Clone, Debug, PartialEq)]
    pub enum Value {
        Null,
        Bool(bool),
        Number(f64),
        Text(String),
        List(Vec<Value>),
        Map(BTreeMap<String, Value>),
    }

    impl Value {
        pub fn get(&self, key: &str) -> &Value {
            match self {
                Value::Map(map) => map.get(key).unwrap_or(&Value::Null),
                _ => &Value::Null,
            }
        }
        pub fn number(&self, key: &str) -> Result<f64, String> {
            match self.get(key) {
                Value::Number(number) => Ok(*number),
                _ => Err(format!("{key} is not a number")),
            }
        }
        pub fn text(&self, key: &str) -> Result<&str, String> {
            match self.get(key) {
                Value::Text(text) => Ok(text),
                _ => Err(format!("{key} is not a text")),
            }
        }
        pub fn list(&self, key: &str) -> Result<&[Value], String> {
            match self.get(key) {
                Value::List(list) => Ok(list),
                _ => Err(format!("{key} is not a list")),
            }
        }
        pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
            Value::Map(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
        }
    }

    impl From<f64> for Value { fn from(number: f64) -> Value { Value::Number(number) } }
    impl From<bool> for Value { fn from(flag: bool) -> Value { Value::Bool(flag) } }
    impl From<&str> for Value { fn from(text: &str) -> Value { Value::Text(text.to_string()) } }
    impl From<String> for Value { fn from(text: String) -> Value { Value::Text(text) } }
    impl<T: Into<Value>> From<Vec<T>> for Value {
        fn from(list: Vec<T>) -> Value { Value::List(list.into_iter().map(Into::into).collect()) }
    }

    impl fmt::Display for Value {
        fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
            match self {
                Value::Null => write!(out, "null"),
                Value::Bool(flag) => write!(out, "{flag}"),
                Value::Number(number) if !number.is_finite() => write!(out, "null"),
                Value::Number(number) => write!(out, "{number}"),
                Value::Text(text) => quote(text, out),
                Value::List(list) => {
                    write!(out, "[")?;
                    for (index, item) in list.iter().enumerate() {
                        if index > 0 { write!(out, ",")?; }
                        write!(out, "{item}")?;
                    }
                    write!(out, "]")
                }
                Value::Map(map) => {
                    write!(out, "{{")?;
                    for (index, (key, item)) in map.iter().enumerate() {
                        if index > 0 { write!(out, ",")?; }
                        quote(key, out)?;
                        write!(out, ":{item}")?;
                    }
                    write!(out, "}}")
                }
            }
        }
    }

    fn quote(text: &str, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "\"")?;
        for character in text.chars() {
            match character {
                '"' => write!(out, "\\\"")?,
                '\\' => write!(out, "\\\\")?,
                character if (character as u32) < 0x20 => write!(out, "\\u{:04x}", character as u32)?,
                character => write!(out, "{character}")?,
            }
        }
        write!(out, "\"")
    }

    pub fn parse(text: &str) -> Result<Value, String> {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        let value = reader.value()?;
        reader.space();
        if reader.at < reader.text.len() { return Err(reader.wrong("end")); }
        Ok(value)
    }

    struct Reader<'a> { text: &'a [u8], at: usize }

    impl Reader<'_> {
        fn wrong(&self, wanted: &str) -> String { format!("input.json, byte {}: expected {wanted}", self.at) }
        fn peek(&self) -> u8 { *self.text.get(self.at).unwrap_or(&0) }
        fn space(&mut self) { while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') { self.at += 1; } }
        fn take(&mut self, wanted: &str) -> Result<(), String> {
            if !self.text[self.at..].starts_with(wanted.as_bytes()) { return Err(self.wrong(wanted)); }
            self.at += wanted.len();
            Ok(())
        }
        fn value(&mut self) -> Result<Value, String> {
            self.space();
            match self.peek() {
                b'n' => self.take("null").map(|()| Value::Null),
                b't' => self.take("true").map(|()| Value::Bool(true)),
                b'f' => self.take("false").map(|()| Value::Bool(false)),
                b'"' => self.string().map(Value::Text),
                b'[' => self.list(),
                b'{' => self.map(),
                _ => self.number(),
            }
        }
        fn number(&mut self) -> Result<Value, String> {
            let start = self.at;
            while matches!(self.peek(), b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') { self.at += 1; }
            let text = std::str::from_utf8(&self.text[start..self.at]).map_err(|error| error.to_string())?;
            text.parse().map(Value::Number).map_err(|_| self.wrong("a value"))
        }
        fn list(&mut self) -> Result<Value, String> {
            let mut items = Vec::new();
            self.take("[")?;
            loop {
                self.space();
                if self.peek() == b']' { self.at += 1; return Ok(Value::List(items)); }
                if !items.is_empty() { self.take(",")?; }
                items.push(self.value()?);
            }
        }
        fn map(&mut self) -> Result<Value, String> {
            let mut entries = BTreeMap::new();
            self.take("{")?;
            loop {
                self.space();
                if self.peek() == b'}' { self.at += 1; return Ok(Value::Map(entries)); }
                if !entries.is_empty() { self.take(",")?; self.space(); }
                let key = self.string()?;
                self.space();
                self.take(":")?;
                let value = self.value()?;
                entries.insert(key, value);
            }
        }
        fn string(&mut self) -> Result<String, String> {
            self.take("\"")?;
            let mut bytes = Vec::new();
            loop {
                let byte = self.peek();
                if self.at >= self.text.len() { return Err(self.wrong("a closing quote")); }
                self.at += 1;
                match byte {
                    b'"' => return String::from_utf8(bytes).map_err(|error| error.to_string()),
                    b'\\' => {
                        let mut buffer = [0; 4];
                        bytes.extend_from_slice(self.escape()?.encode_utf8(&mut buffer).as_bytes());
                    }
                    byte => bytes.push(byte),
                }
            }
        }
        fn escape(&mut self) -> Result<char, String> {
            let byte = self.peek();
            self.at += 1;
            Ok(match byte {
                b'n' => '\n',
                b't' => '\t',
                b'r' => '\r',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'u' => {
                    let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.wrong("four digits"))?;
                    let digits = std::str::from_utf8(digits).map_err(|error| error.to_string())?;
                    let code = u32::from_str_radix(digits, 16).map_err(|_| self.wrong("four digits"))?;
                    self.at += 4;
                    char::from_u32(code).ok_or_else(|| self.wrong("a character"))?
                }
                byte => byte as char,
            })
        }
    }
}

fn main() {
    std::thread::spawn(|| {
        // The controller holds the other end of standard input and never writes to it.
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        std::process::exit(1);
    });
    let folder = std::env::args().nth(1).expect("a folder");
    let outcome = std::panic::catch_unwind(|| {
        let text = std::fs::read_to_string(format!("{folder}/input.json")).map_err(|error| error.to_string())?;
        let input = json::parse(&text)?;
        run(input.get("context"), input.get("params"))
    });
    let outcome = match outcome {
        Ok(Ok(result)) => ("result", result),
        Ok(Err(message)) => ("error", Value::Text(message)),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().cloned();
            let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            ("error", Value::Text(format!("panic: {}", message.unwrap_or_default())))
        }
    };
    std::fs::write(format!("{folder}/outcome.json"), Value::map([outcome]).to_string()).expect("outcome.json");
}

// SCRIPT
