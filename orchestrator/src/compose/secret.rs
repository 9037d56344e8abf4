//! Secrets: `${secret:NAME}` stands for a variable of the environment whose value `exp` never reads. As its value it has
//! itself, so whatever is resolved, printed, frozen or sent elsewhere holds the reference alone; the program that needs the
//! secret finds it in its environment.

const OPEN: &str = "${secret:";

/// The reference to a variable.
pub fn reference(name: &str) -> String {
    format!("{OPEN}{name}}}")
}

/// The variables that a resolved text refers to.
pub fn named_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(OPEN).skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// Whether a resolved text refers to any.
pub fn is_in(text: &str) -> bool {
    named_in(text).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_again() {
        let text = format!("https://{}@host/?key={}&open=${{secret:", reference("USER"), reference("A_KEY"));
        assert_eq!(named_in(&text).collect::<Vec<_>>(), ["USER", "A_KEY"]);
        assert_eq!(named_in("${oc.env:HOME}").count(), 0);
    }
}
