//! Image sets as Hugging Face publishes them: parquet files, an encoded picture and a label a row.
//!
//! Owns finding the files of a split and reading their two columns. It does not decode pictures. In: a folder. Out: a
//! [`Part`] a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use exp_api::spec::Split;

use super::DataError;

/// The rows of one file.
pub(super) struct Part {
    pub(super) file: PathBuf,
    /// Files within the file: JPEG or PNG.
    pub(super) pictures: Vec<ByteArray>,
    pub(super) labels: Vec<i64>,
}

/// The parquet files of `split` in `dir`, else in `dir/plain_text`, in the order of their names.
///
/// # Errors
/// A folder that cannot be read; [`DataError::NoFile`] when neither holds any.
pub(super) fn files(dir: &Path, split: Split) -> Result<Vec<PathBuf>, DataError> {
    let mut found = matching(dir, split)?;
    let nested = dir.join("plain_text");
    if found.is_empty() && nested.is_dir() {
        found = matching(&nested, split)?;
    }
    if found.is_empty() {
        return Err(DataError::NoFile { dir: dir.to_owned(), pattern: format!("{}*.parquet", split.word()) });
    }
    found.sort();
    Ok(found)
}

/// Sees whether `file` is one to read, without reading a row.
///
/// # Errors
/// An unreadable file, one that is no parquet, a missing column.
pub(super) fn check(file: &Path) -> Result<(), DataError> {
    Columns::open(file).map(drop)
}

/// Reads the pictures and labels of `file`.
///
/// # Errors
/// Those of [`check`], and a row without a value.
pub(super) fn read(file: &Path) -> Result<Part, DataError> {
    let Columns { reader, picture, label } = Columns::open(file)?;
    let mut part = Part { file: file.to_owned(), pictures: Vec::new(), labels: Vec::new() };
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|source| parquet_error(file, source))?;
        append::<ByteArrayType>(&mut part.pictures, &*group, picture, file)?;
        append::<Int64Type>(&mut part.labels, &*group, label, file)?;
    }
    Ok(part)
}

/// A parquet file and the indices of its two columns.
struct Columns {
    reader: SerializedFileReader<File>,
    picture: usize,
    label: usize,
}

impl Columns {
    fn open(file: &Path) -> Result<Columns, DataError> {
        let open = File::open(file).map_err(|source| DataError::Unreadable { path: file.to_owned(), source })?;
        let reader = SerializedFileReader::new(open).map_err(|source| parquet_error(file, source))?;
        let names = ["img.bytes", "image.bytes"];
        let picture = leaf(&reader, file, &names, "img.bytes or image.bytes (BYTE_ARRAY)", "BYTE_ARRAY")?;
        let label = leaf(&reader, file, &["label"], "label (INT64)", "INT64")?;
        Ok(Columns { reader, picture, label })
    }
}

fn matching(dir: &Path, split: Split) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Unreadable { path: dir.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(split.word()) && name.ends_with(".parquet") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The index of the one leaf column that bears one of `names` and is of `kind`, not repeated.
fn leaf(
    reader: &SerializedFileReader<File>,
    file: &Path,
    names: &[&str],
    wanted: &'static str,
    kind: &str,
) -> Result<usize, DataError> {
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let fits = |column: &parquet::schema::types::ColumnDescPtr| {
        names.contains(&column.path().string().as_str())
            && column.physical_type().to_string() == kind
            && column.max_rep_level() == 0
    };
    columns.iter().position(fits).ok_or_else(|| DataError::Column {
        file: file.to_owned(),
        wanted,
        present: columns.iter().map(|c| format!("{} ({})", c.path().string(), c.physical_type())).collect(),
    })
}

/// Appends a column of `group` to `out`, which holds the rows of the groups before it.
fn append<T: DataType>(
    out: &mut Vec<T::T>,
    group: &dyn RowGroupReader,
    column: usize,
    file: &Path,
) -> Result<(), DataError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let descriptor = group.metadata().column(column).column_descr();
    let pages = group.get_column_reader(column).map_err(|source| parquet_error(file, source))?;
    let mut reader = get_typed_column_reader::<T>(pages);
    let before = out.len();
    let (mut levels, mut read) = (Vec::new(), 0);
    while read < rows {
        let (records, ..) = reader
            .read_records(rows - read, Some(&mut levels), None, out)
            .map_err(|source| parquet_error(file, source))?;
        if records == 0 {
            return Err(parquet_error(
                file,
                ParquetError::EOF(format!("{} ends at row {read} of {rows}", descriptor.path())),
            ));
        }
        read += records;
    }
    // Values without a gap mean that no row was null.
    if out.len() - before != rows {
        let gap = levels.iter().position(|&level| level < descriptor.max_def_level()).unwrap_or(0);
        return Err(DataError::Null { file: file.to_owned(), row: before + gap, column: descriptor.path().string() });
    }
    Ok(())
}

fn parquet_error(file: &Path, source: ParquetError) -> DataError {
    DataError::Parquet { file: file.to_owned(), source }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
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

    #[test]
    fn files_of_a_split_are_found_under_their_usual_names() {
        let dir = tempfile::tempdir().unwrap();
        let text = |split| files(dir.path(), split).map_err(|e| e.to_string());
        let nothing = format!("found neither test*.parquet nor plain_text/test*.parquet in {}", dir.path().display());
        assert_eq!(text(Split::Test), Err(nothing));
        for name in ["train-00001-of-00002.parquet", "train-00000-of-00002.parquet", "test.parquet", "train.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"];
        assert_eq!(text(Split::Train), Ok(names.map(|name| dir.path().join(name)).to_vec()));
        let nested = dir.path().join("other/plain_text");
        fs::create_dir_all(&nested).unwrap();
        fs::write(nested.join("test-00000-of-00001.parquet"), "").unwrap();
        let found = files(&dir.path().join("other"), Split::Test).unwrap();
        assert_eq!(found, [nested.join("test-00000-of-00001.parquet")]);
        assert!(matches!(files(&dir.path().join("absent"), Split::Test), Err(DataError::Unreadable { .. })));
    }

    #[test]
    fn rows_come_in_order_over_all_groups() {
        let dir = tempfile::tempdir().unwrap();
        let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())];
        for (name, codec) in ["img", "image", "img"].into_iter().zip(codecs) {
            let file = dir.path().join(name);
            write_with(codec, &file, name, &[(Some(b"a"), 3), (Some(b"bb"), 1), (Some(b""), 2)]);
            let part = read(&file).unwrap();
            assert_eq!(part.pictures.iter().map(|p| p.data()).collect::<Vec<_>>(), [&b"a"[..], b"bb", b""]);
            assert_eq!(part.labels, [3, 1, 2]);
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_and_where() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("train.parquet");
        let text = || read(&file).map(|_| ()).unwrap_err().to_string().replace(&*file.to_string_lossy(), "FILE");
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
