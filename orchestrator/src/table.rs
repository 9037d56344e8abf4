//! Tables for a terminal: columns side by side, cut to its width; whole where there is no terminal.

use console::{Alignment, Term, measure_text_width, pad_str, truncate_str};

/// What stands between two columns.
const GAP: &str = "  ";

/// Lines under a heading. Columns of numbers stand to the right.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let columns = heading.len();
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
    for row in std::iter::once(&heading).chain(rows) {
        let cells: Vec<_> =
            row.iter().zip(&layout).map(|(cell, &(width, alignment))| pad_str(cell, width, alignment, None)).collect();
        let line = cells.join(GAP);
        let line = line.trim_end();
        text.push_str(&room.map_or(line.into(), |room| truncate_str(line, room, "…")));
        text.push('\n');
    }
    text
}
