//! Image sets as Hugging Face publishes them: parquet files, an encoded picture and a label a row.
//!
//! Owns reading the two columns. A file without labels has one class.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};

use super::{Part, Pictures, Places};
use crate::data::DataError;

/// Sees whether `file` is one to read, without reading a row.
///
/// # Errors
/// An unreadable file, one that is no parquet, a missing column.
pub(super) fn check(file: &Path) -> Result<(), DataError> {
    let open = File::open(file).map_err(|source| DataError::Unreadable { path: file.to_owned(), source })?;
    Columns::open(open, &file.display().to_string()).map(drop)
}

/// Reads pictures and labels; `place` is where they are, for errors.
///
/// # Errors
/// Those of [`check`], and a row without a value.
pub(super) fn read(bytes: Bytes, place: String) -> Result<Part, DataError> {
    let Columns { reader, picture, label } = Columns::open(bytes, &place)?;
    let (mut pictures, mut labels) = (Vec::new(), Vec::new());
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|source| parquet_error(&place, source))?;
        append::<ByteArrayType>(&mut pictures, &*group, picture, &place)?;
        if let Some(label) = label {
            append::<Int64Type>(&mut labels, &*group, label, &place)?;
        }
    }
    labels.resize(pictures.len(), 0);
    Ok(Part { places: Places::Rows(place), pictures: Pictures::Encoded(pictures), labels })
}

/// A parquet file and the indices of its columns.
struct Columns<R: ChunkReader> {
    reader: SerializedFileReader<R>,
    picture: usize,
    label: Option<usize>,
}

impl<R: ChunkReader + 'static> Columns<R> {
    fn open(file: R, place: &str) -> Result<Columns<R>, DataError> {
        let reader = SerializedFileReader::new(file).map_err(|source| parquet_error(place, source))?;
        let missing = |wanted| DataError::Column { file: place.to_owned(), wanted, present: present(&reader) };
        let picture = leaf(&reader, &["img.bytes", "image.bytes", "img", "image"], "BYTE_ARRAY");
        let picture = picture.ok_or_else(|| missing("img.bytes or image.bytes (BYTE_ARRAY)"))?;
        let label = leaf(&reader, &["label", "fine_label"], "INT64");
        // Another type of label is a mistake, not a set without classes.
        if label.is_none() && present(&reader).iter().any(|column| column.starts_with("label ")) {
            return Err(missing("label (INT64)"));
        }
        Ok(Columns { reader, picture, label })
    }
}

/// The columns of a file, with their types.
fn present<R: ChunkReader + 'static>(reader: &SerializedFileReader<R>) -> Vec<String> {
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    columns.iter().map(|column| format!("{} ({})", column.path().string(), column.physical_type())).collect()
}

/// The index of the one leaf column that bears one of `names` and is of `kind`, not repeated.
fn leaf<R: ChunkReader + 'static>(reader: &SerializedFileReader<R>, names: &[&str], kind: &str) -> Option<usize> {
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    columns.iter().position(|column| {
        names.contains(&column.path().string().as_str())
            && column.physical_type().to_string() == kind
            && column.max_rep_level() == 0
    })
}

/// Appends a column of `group` to `out`, which holds the rows of the groups before it.
fn append<T: DataType>(
    out: &mut Vec<T::T>,
    group: &dyn RowGroupReader,
    column: usize,
    place: &str,
) -> Result<(), DataError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let descriptor = group.metadata().column(column).column_descr();
    let pages = group.get_column_reader(column).map_err(|source| parquet_error(place, source))?;
    let mut reader = get_typed_column_reader::<T>(pages);
    let before = out.len();
    let (mut levels, mut read) = (Vec::new(), 0);
    while read < rows {
        let (records, ..) = reader
            .read_records(rows - read, Some(&mut levels), None, out)
            .map_err(|source| parquet_error(place, source))?;
        if records == 0 {
            return Err(parquet_error(
                place,
                ParquetError::EOF(format!("{} ends at row {read} of {rows}", descriptor.path())),
            ));
        }
        read += records;
    }
    // Values without a gap mean that no row was null.
    if out.len() - before != rows {
        let gap = levels.iter().position(|&level| level < descriptor.max_def_level()).unwrap_or(0);
        return Err(DataError::Null { file: place.to_owned(), row: before + gap, column: descriptor.path().string() });
    }
    Ok(())
}

fn parquet_error(place: &str, source: ParquetError) -> DataError {
    DataError::Parquet { file: place.to_owned(), source }
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use std::fs;
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::ByteArray;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// Writes a file as Hugging Face does, in row groups of two; a row without a picture is a null.
    pub(in crate::data) fn write(path: &Path, struct_name: &str, rows: &[(Option<&[u8]>, i64)]) {
        write_with(Compression::SNAPPY, path, struct_name, rows);
    }

    fn write_with(codec: Compression, path: &Path, struct_name: &str, rows: &[(Option<&[u8]>, i64)]) {
        let pictures = "{ optional binary bytes; optional binary path (UTF8); }";
        let schema = format!("message schema {{ optional group {struct_name} {pictures} optional int64 label; }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(codec).build());
        let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
        for rows in rows.chunks(2) {
            let mut group = writer.next_row_group().unwrap();
            let pictures: Vec<ByteArray> = rows.iter().filter_map(|row| row.0.map(ByteArray::from)).collect();
            let levels: Vec<i16> = rows.iter().map(|row| if row.0.is_some() { 2 } else { 1 }).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&pictures, Some(&levels), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let paths = vec![ByteArray::from("a.png"); rows.len()];
            column.typed::<ByteArrayType>().write_batch(&paths, Some(&vec![2; rows.len()]), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let labels: Vec<i64> = rows.iter().map(|row| row.1).collect();
            column.typed::<Int64Type>().write_batch(&labels, Some(&vec![1; rows.len()]), None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
    }

    fn read_file(file: &Path) -> Result<Part, DataError> {
        read(Bytes::from(fs::read(file).unwrap()), file.display().to_string())
    }

    #[test]
    fn rows_come_in_order_over_all_groups() {
        let dir = tempfile::tempdir().unwrap();
        let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())];
        for (name, codec) in ["img", "image", "img"].into_iter().zip(codecs) {
            let file = dir.path().join(name);
            write_with(codec, &file, name, &[(Some(b"a"), 3), (Some(b"bb"), 1), (Some(b""), 2)]);
            let part = read_file(&file).unwrap();
            let Pictures::Encoded(pictures) = &part.pictures else { panic!("encoded") };
            assert_eq!(pictures.iter().map(|p| p.data()).collect::<Vec<_>>(), [&b"a"[..], b"bb", b""]);
            assert_eq!(part.labels, [3, 1, 2]);
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_and_where() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("train.parquet");
        let text = || read_file(&file).map(drop).unwrap_err().to_string().replace(&*file.to_string_lossy(), "FILE");
        fs::write(&file, "no parquet").unwrap();
        assert!(text().starts_with("cannot read FILE as parquet: "), "{}", text());
        write(&file, "photo", &[(Some(b"a"), 3)]);
        let columns = "photo.bytes (BYTE_ARRAY), photo.path (BYTE_ARRAY), label (INT64)";
        assert_eq!(text(), format!("FILE has no column img.bytes or image.bytes (BYTE_ARRAY); it has {columns}"));
        write(&file, "img", &[(Some(b"a"), 3), (Some(b"a"), 3), (Some(b"a"), 3), (None, 3)]);
        assert_eq!(text(), "FILE, row 3 (from 0): img.bytes is empty");
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 9]).unwrap();
        assert!(text().starts_with("cannot read FILE as parquet: "), "{}", text());
    }
}
