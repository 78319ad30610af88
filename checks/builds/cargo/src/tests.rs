//! WebAssembly is switched off. The two tests that ask for it fail for as long as it is.

use super::{page, size, DEFAULT, LANGUAGES, LONGEST};

/// A test for each of ten numbers.
macro_rules! for_each_number {
    ($($module:ident: $holds:expr;)*) => {$(
        mod $module {
            use super::*;
            fn check(number: u32) {
                let holds: fn(u32) -> bool = $holds;
                assert!(holds(number), "not so for {number}");
            }
            #[test] fn n1() { check(1) }
            #[test] fn n2() { check(2) }
            #[test] fn n3() { check(3) }
            #[test] fn n5() { check(5) }
            #[test] fn n8() { check(8) }
            #[test] fn n13() { check(13) }
            #[test] fn n21() { check(21) }
            #[test] fn n34() { check(34) }
            #[test] fn n55() { check(55) }
            #[test] fn n89() { check(89) }
        }
    )*};
}

for_each_number! {
    a_size_is_taken: |n| size(&n.to_string()) == Ok(n);
    a_page_of_nodejs: |n| page("nodejs", &n.to_string()) == Ok(("nodejs", n));
    a_page_of_python: |n| page("python", &n.to_string()) == Ok(("python", n));
    a_page_of_rust: |n| page("rust", &n.to_string()) == Ok(("rust", n));
    a_negative_is_refused: |n| size(&format!("-{n}")).is_err();
    a_sign_is_refused: |n| size(&format!("+{n}")).is_err();
    a_fraction_is_refused: |n| size(&format!("{n}.5")).is_err();
    an_exponent_is_refused: |n| size(&format!("{n}e1")).is_err();
    a_blank_is_refused: |n| size(&format!(" {n}")).is_err();
    more_than_the_longest_is_refused: |n| size(&(LONGEST + n).to_string()).is_err();
}

#[test]
fn nodejs_is_a_language() {
    assert!(LANGUAGES.contains(&"nodejs"));
}

#[test]
fn python_is_a_language() {
    assert!(LANGUAGES.contains(&"python"));
}

#[test]
fn rust_is_a_language() {
    assert!(LANGUAGES.contains(&"rust"));
}

#[test]
fn a_language_that_is_not_there_is_refused() {
    assert!(page("java", "1").is_err());
}

#[test]
fn twenty_are_the_default() {
    assert_eq!(size(""), Ok(DEFAULT));
}

#[test]
fn the_longest_page_is_allowed() {
    assert_eq!(size(&LONGEST.to_string()), Ok(LONGEST));
}

#[test]
fn webassembly_is_a_language() {
    assert!(LANGUAGES.contains(&"wasm"));
}

#[test]
fn a_page_may_be_of_webassembly() {
    assert!(page("wasm", "1").is_ok());
}
