//! What is never shown: values that may be credentials.

use crate::credential::{HIDDEN, looks_like};
use serde_json::Value;

/// Parts of names whose values are not shown, whoever wrote them there.
const SECRET_NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "credential", "apikey"];

/// The name of a referred secret, when `value` is such a reference.
pub fn reference(value: &Value) -> Option<&str> {
    let fields = value.as_object()?;
    fields
        .get("secretRef")
        .unwrap_or(value)
        .get("name")
        .and_then(Value::as_str)
        .filter(|_| fields.contains_key("secretRef"))
}

/// Whether a field is called so that its value may be a credential. A reference is not: it only names one.
pub fn is_secret(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    plain != "secretref" && SECRET_NAMES.iter().any(|name| plain.contains(name))
}

/// A text as it may be shown: an address without its user and password, nothing else that looks like a credential.
pub fn shown(key: Option<&str>, text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(without_credentials).collect();
    let text = words.join(" ");
    match looks_like(key, &text) {
        Some(_) => HIDDEN.to_owned(),
        None => text,
    }
}

/// A word without the user and password of an address in it.
fn without_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if rest[..at].contains(':') || looks_like(None, word).is_some() => {
            format!("{scheme}://{HIDDEN}@{}", &rest[at + 1..])
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_named_and_values_are_not_shown() {
        assert_eq!(
            reference(&json!({"name": "Authorization", "secretRef": {"name": "alerts-token"}})),
            Some("alerts-token")
        );
        assert_eq!(reference(&json!({"name": "x"})), None);
        assert!(is_secret("api-token") && is_secret("password.prod") && is_secret("API_KEY"));
        assert!(!is_secret("secretRef") && !is_secret("description"));
    }

    #[test]
    fn an_address_keeps_its_host() {
        let shown = |text| shown(None, text);
        assert_eq!(shown("https://u:p@h.example/x?y=a@b"), "https://(secret)@h.example/x?y=a@b");
        assert_eq!(shown("see https://h.example/ or ftp://u:p@h/"), "see https://h.example/ or ftp://(secret)@h/");
        assert_eq!(shown("https://ghp_0123456789abcdefghijABCDEFGHIJ0123@h.example/"), "https://(secret)@h.example/");
        for plain in ["https://h.example/@x:y", "ssh://git@h.example/x", "plain  text"] {
            assert_eq!(shown(plain), plain);
        }
    }
}
