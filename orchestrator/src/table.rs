//! Tables for a terminal: columns side by side, cut to its width; whole where there is no terminal.

use console::{Alignment, Term, measure_text_width, pad_str, truncate_str};

/// What stands between two columns.
const GAP: &str = "  ";

/// Lines under a heading. Columns of numbers stand to the right; the lines of a cell follow each other.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let columns = heading.len();
    let one_line = |cell: &String| cell.lines().collect::<Vec<_>>().join(" ");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(one_line).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| measure_text_width(&row[column]));
        cells.chain([measure_text_width(heading[column])]).max().unwrap_or(0)
    };
    let is_number = |cell: &String| cell.is_empty() || cell == "-" || cell.parse::<f64>().is_ok();
    let layout: Vec<(usize, Alignment)> = (0..columns)
        .map(|column| {
            let right = rows.iter().all(|row| is_number(&row[column]));
            (width(column), if right { Alignment::Right } else { Alignment::Left })
        })
        .collect();
    let room = Term::stdout().size_checked().map(|(_, width)| usize::from(width));
    let heading = heading.iter().map(|&cell| cell.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(&rows) {
        let cells: Vec<_> =
            row.iter().zip(&layout).map(|(cell, &(width, alignment))| pad_str(cell, width, alignment, None)).collect();
        let line = cells.join(GAP);
        let line = line.trim_end();
        text.push_str(&room.map_or(line.into(), |room| truncate_str(line, room, "…")));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_two_lines_stays_in_its_row() {
        let rows = [["a\nb".to_owned(), "1".to_owned()], ["c".to_owned(), "20".to_owned()]];
        assert_eq!(table(&["note", "n"], &rows.map(Vec::from)), "note   n\na b    1\nc     20\n");
    }
}
