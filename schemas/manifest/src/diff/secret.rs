//! What is never shown: values that may be credentials.

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
pub fn is_secret(path: &str) -> bool {
    if path.contains("secretRef") {
        return false;
    }
    let last = path.rsplit(['.', '[']).next().unwrap_or(path);
    let plain: String = last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|name| plain.contains(name))
}

/// The text without the user and password of an address in it.
pub fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if rest[..at].contains(':') => format!("{scheme}://(secret)@{}", &rest[at + 1..]),
        _ => text.to_owned(),
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
        assert!(
            is_secret("metadata.annotations.api-token") && is_secret("spec.smtp.password") && is_secret("a.API_KEY")
        );
        assert!(!is_secret("spec.secretRef.name") && !is_secret("spec.description"));
    }

    #[test]
    fn an_address_keeps_its_host() {
        assert_eq!(without_credentials("https://u:p@h.example/x?y=a@b"), "https://(secret)@h.example/x?y=a@b");
        assert_eq!(without_credentials("https://h.example/@x:y"), "https://h.example/@x:y");
        assert_eq!(without_credentials("plain"), "plain");
    }
}
