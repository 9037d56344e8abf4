//! YAML text and where its values end -> the text with a comment at the end of those lines, aligned.

/// Comments stand in one column, unless lines are longer than this.
const WIDEST: usize = 48;

/// The text with a comment behind each note's place; a line with several values names each origin once.
pub(super) fn annotated(text: &str, notes: &[(usize, String)]) -> String {
    let mut notes = notes.iter().peekable();
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        let mut origins: Vec<&str> = Vec::new();
        while let Some((_, origin)) = notes.next_if(|(at, _)| *at < end) {
            if !origins.contains(&origin.as_str()) {
                origins.push(origin);
            }
        }
        lines.push((line.trim_end_matches('\n'), origins));
    }
    let width = |line: &str| line.chars().count();
    let noted = lines.iter().filter(|(_, origins)| !origins.is_empty());
    let column = noted.map(|(line, _)| width(line)).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut out = String::with_capacity(text.len() * 2);
    for (line, origins) in lines {
        out.push_str(line);
        if !origins.is_empty() {
            let gap = column.saturating_sub(width(line));
            // A line break inside an override would end the comment.
            let comment = origins.join(", ").replace(|c: char| c.is_control(), " ");
            out.push_str(&format!("{:gap$}  # {comment}", ""));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::compose::emit::{yaml, yaml_with_origins};
    use crate::compose::yaml::load;

    #[test]
    fn origins_stand_behind_values_and_change_nothing() {
        let source = "a: 1\nlong:\n  nested: [x, {k: v}]\nempty: {}\ntext: \"one\\ntwo\"\n";
        let node = load(&"conf/a.yaml".into(), source).unwrap();
        let text = yaml_with_origins(&node);
        assert_eq!(
            text,
            "a: 1       # conf/a.yaml:1\nlong:\n  nested:\n  - x      # conf/a.yaml:3\n  - k: v   # conf/a.yaml:3\n\
             empty: {}  # conf/a.yaml:4\ntext: 'one\n\n  two'     # conf/a.yaml:5\n"
        );
        let again = load(&"conf/b.yaml".into(), &text).unwrap();
        assert_eq!(yaml(&again), yaml(&node));
    }
}
