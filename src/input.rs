//! Reading what a user wrote: every mistake becomes one line that names the file, the line, the field and the remedy.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;

/// The text of a file the user named.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Parses TOML. `name` is how the file is called in messages.
pub fn parse_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |s| line_at(text, s.start));
        let field = e.span().and_then(|s| field_at(text, s.start)).map_or(String::new(), |f| format!("field `{f}`: "));
        let message = e.message().lines().collect::<Vec<_>>().join("; ");
        anyhow!("{name}:{line}: {field}{message}{}", remedy(&message))
    })
}

/// What to do about a field that is none: serde names it, and all that there are, in backquotes.
fn remedy(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(given) = quoted.next().filter(|_| message.starts_with("unknown field `")) else { return String::new() };
    let near = quoted.map(|f| (strsim::damerau_levenshtein(given, f), f)).min();
    match near.filter(|(distance, field)| *distance <= 2.max(field.len() / 3)) {
        Some((_, field)) => format!("; did you mean `{field}`?"),
        None => "; remove it".into(),
    }
}

/// A mistake in a value that parsed: `name:line: field `field`: problem`, the line being that of the last occurrence of
/// the field at or after the byte `from`.
pub fn bad_field(name: &str, text: &str, from: usize, field: &str, problem: &str) -> anyhow::Error {
    let from = from.min(text.len());
    let mut offset = from;
    let found = text[from..].split_inclusive('\n').find_map(|line| {
        let here = offset;
        offset += line.len();
        (line.split('=').next().map(str::trim) == Some(field)).then_some(here)
    });
    anyhow!("{name}:{}: field `{field}`: {problem}", line_at(text, found.unwrap_or(from)))
}

fn line_at(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

/// The key of the line that holds `byte`, where the line has one.
fn field_at(text: &str, byte: usize) -> Option<&str> {
    let start = text[..byte.min(text.len())].rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next()?;
    let key = line.split_once('=')?.0.trim();
    (!key.is_empty() && !key.starts_with('#')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[allow(dead_code)]
        size: u32,
    }

    #[test]
    fn errors_name_line_field_and_remedy() {
        let say = |text| parse_toml::<File>("f.toml", text).unwrap_err().to_string();
        assert_eq!(say("\nsize = \"x\""), "f.toml:2: field `size`: invalid type: string \"x\", expected u32");
        let sise = "f.toml:2: field `sise`: unknown field `sise`, expected `size`; did you mean `size`?";
        assert_eq!(say("size = 1\nsise = 2"), sise);
        assert!(say("size = 1\ncolour = 2").ends_with("expected `size`; remove it"));
        assert!(say("size = ").starts_with("f.toml:1: field `size`: "));
        assert!(say("").contains("missing field `size`"));
        let text = "[[layer]]\nm = 1\n[[layer]]\nm = 0\n";
        assert_eq!(bad_field("f.toml", text, 16, "m", "is zero").to_string(), "f.toml:4: field `m`: is zero");
    }
}
