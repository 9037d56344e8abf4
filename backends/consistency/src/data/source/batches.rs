//! CIFAR-10's binary batches (Krizhevsky 2009): records of a label and 3 x 32 x 32 bytes, plane by plane.

use super::{Part, Pictures, Places};
use crate::data::DataError;

/// Bytes of the planes of one picture.
const PLANES: usize = 3 * 32 * 32;

/// The pictures of one batch, whose place is for errors.
///
/// # Errors
/// A length that is no whole number of records.
pub(super) fn read(bytes: Vec<u8>, place: String) -> Result<Part, DataError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(PLANES + 1) {
        return Err(DataError::Batch { file: place, length: bytes.len(), record: PLANES + 1 });
    }
    let records = bytes.chunks_exact(PLANES + 1);
    let labels = records.clone().map(|record| i64::from(record[0])).collect();
    let planes = records.flat_map(|record| &record[1..]).copied().collect();
    Ok(Part { places: Places::Rows(place), pictures: Pictures::Planes(planes), labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_apart() {
        let record = |label: u8| [vec![label], (0..PLANES).map(|i| (i / 1024) as u8 + 10 * label).collect()].concat();
        let part = read([record(3), record(1)].concat(), "batch".to_owned()).unwrap();
        assert_eq!((part.labels.as_slice(), part.place(1)), (&[3, 1][..], "batch, row 1 (from 0)".to_owned()));
        let Pictures::Planes(planes) = part.pictures else { panic!("planes") };
        assert_eq!(
            [planes[0], planes[1024], planes[3 * 1024 - 1], planes[PLANES], planes[PLANES + 1024]],
            [30, 31, 32, 10, 11]
        );
        let cut = read(record(3)[..PLANES].to_vec(), "batch".to_owned()).map(drop).unwrap_err();
        assert_eq!(cut.to_string(), "batch has 3072 bytes, which is no whole number of records of 3073 bytes");
    }
}
