//! Several pictures as one: side by side, each under its caption.

use font8x8::legacy::BASIC_LEGACY;

use super::Picture;

/// Side of a glyph in the font's own dots.
const GLYPH: usize = 8;
/// Pixels a dot of a caption.
const DOT: usize = 2;
/// Height of a line of text, and width of a character.
const LINE: usize = GLYPH * DOT;
/// Pixels around the whole, and above and below captions.
const MARGIN: usize = 6;
/// Pixels between panels: clearly more than between the tiles of one.
const GUTTER: usize = 24;
const BLACK: u8 = 0;

/// Joins pictures from left to right, each with a caption above (ASCII; any other character shows as `?`). RGB if one
/// of them is.
pub fn panels(panels: &[(&str, Picture)]) -> Picture {
    let widths: Vec<usize> =
        panels.iter().map(|(text, picture)| picture.width.max(text.chars().count() * LINE)).collect();
    let tallest = panels.iter().map(|(_, picture)| picture.height).max().unwrap_or(0);
    let channels = panels.iter().map(|(_, picture)| picture.channels).max().unwrap_or(1);
    let width = 2 * MARGIN + widths.iter().sum::<usize>() + GUTTER * widths.len().saturating_sub(1);
    let mut all = Picture::blank(width, MARGIN + LINE + MARGIN + tallest + MARGIN, channels);
    let mut left = MARGIN;
    for ((text, picture), width) in panels.iter().zip(widths) {
        write(&mut all, left, MARGIN, text);
        paste(&mut all, left, MARGIN + LINE + MARGIN, picture);
        left += width + GUTTER;
    }
    all
}

/// Writes `text` with its upper left corner at (`left`, `top`).
fn write(all: &mut Picture, left: usize, top: usize, text: &str) {
    for (place, character) in text.chars().enumerate() {
        let code = if matches!(character, ' '..='~') { character } else { '?' };
        let glyph = BASIC_LEGACY[code as usize];
        for (y, x) in (0..LINE).flat_map(|y| (0..LINE).map(move |x| (y, x))) {
            // The font keeps a row a byte, its leftmost dot in the lowest bit.
            if glyph[y / DOT] >> (x / DOT) & 1 == 1 {
                all.pixel(left + place * LINE + x, top + y).fill(BLACK);
            }
        }
    }
}

/// Copies `part` with its upper left corner at (`left`, `top`); grey spreads over all channels.
fn paste(all: &mut Picture, left: usize, top: usize, part: &Picture) {
    for (i, from) in part.pixels.chunks(part.channels).enumerate() {
        let to = all.pixel(left + i % part.width, top + i / part.width);
        to.iter_mut().zip(from.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;

    #[test]
    fn panels_stand_side_by_side_under_their_captions() {
        let shape = |channels| Shape { channels, height: 1, width: 2 };
        let grey = Picture::grid(&[0; 2], shape(1), 1, 20).unwrap();
        let rgb = Picture::grid(&[0, 0, 127, 127, 255, 255], shape(3), 1, 20).unwrap();
        let all = panels(&[("I", grey), ("two", rgb)]);
        // Panels of 40 and of 48: the second caption is wider than its picture.
        assert_eq!((all.width, all.height, all.channels), (6 + 40 + 24 + 48 + 6, 6 + 16 + 6 + 20 + 6, 3));
        let row = |y: usize| -> String {
            let dots = all.pixels[y * all.width * 3..][..40 * 3].chunks(DOT * 3);
            dots.map(|dot| if dot[0] == BLACK { '#' } else { '.' }).collect()
        };
        // The letter I of the font, its foot, a free line, the tile.
        assert_eq!(row(6), "....####............");
        assert_eq!(row(10), ".....##.............");
        assert_eq!(row(18), "....####............");
        assert_eq!(row(24), "....................");
        assert_eq!(row(30), "...#################");
        assert_eq!(all.pixels[(30 * all.width + 75) * 3..][..3], [0, 127, 255]);
    }

    #[test]
    fn what_the_font_lacks_shows_as_a_question_mark() {
        let caption = |text| panels(&[(text, Picture::blank(1, 1, 1))]);
        assert_eq!(caption("a\u{3c3}\n"), caption("a??"));
        assert_ne!(caption("a!"), caption("a?"));
    }
}
