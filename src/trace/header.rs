//! The safetensors header: eight bytes of length, then JSON that says where each tensor lies. Read with checked
//! arithmetic, since the file may come from anywhere.
//!
//! The `safetensors` crate reads it as well, but its errors name neither the tensor nor what was expected, and it
//! refuses dtypes that we want to name.

use std::collections::HashMap;

use super::METADATA_KEY;
use super::json::{Fields, Json};

/// Where the tensors of a file lie.
#[derive(Debug)]
pub(super) struct Header {
    pub entries: HashMap<String, Entry>,
    /// The JSON text under [`METADATA_KEY`].
    pub document: String,
}

/// One tensor: bytes `begin..end` of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub begin: usize,
    pub end: usize,
}

const LENGTH_BYTES: usize = 8;

/// Reads the header of a file.
pub(super) fn read(file: &[u8]) -> Result<Header, String> {
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(format!("not a safetensors file: it has {} bytes, expected at least {LENGTH_BYTES}", file.len()));
    };
    let length = u64::from_le_bytes(*length);
    let json = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| {
        format!("not a safetensors file: its header should have {length} bytes, the file has {}", file.len())
    })?;
    let Fields(header) = serde_json::from_slice(json).map_err(|error| {
        format!(
            "not a safetensors file: its header is not valid JSON: line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let data_begin = LENGTH_BYTES + json.len();
    let mut entries = HashMap::new();
    let mut metadata = None;
    for (name, value) in header {
        if name == "__metadata__" {
            metadata = Some(value);
        } else if entries.insert(name.to_string(), entry(&name, &value, data_begin)?).is_some() {
            return Err(format!("tensor `{name}` is in the header twice"));
        }
    }
    check_layout(&entries, data_begin, file.len())?;
    let document = metadata
        .as_ref()
        .and_then(|metadata| metadata.as_object()?.get(METADATA_KEY)?.as_str())
        .ok_or_else(|| format!("not a vlscope trace: `__metadata__` has no key `{METADATA_KEY}`"))?;
    Ok(Header { entries, document: document.to_owned() })
}

fn entry(name: &str, value: &Json<'_>, data_begin: usize) -> Result<Entry, String> {
    let broken = |what: &str| format!("tensor `{name}` has no sound `{what}` in the header");
    let fields = value.as_object();
    let numbers = |what: &str| -> Option<Vec<usize>> {
        fields?.get(what)?.as_list()?.iter().map(|number| usize::try_from(number.as_u64()?).ok()).collect()
    };
    let dtype = fields.and_then(|fields| fields.get("dtype")?.as_str()).ok_or_else(|| broken("dtype"))?;
    let shape = numbers("shape").ok_or_else(|| broken("shape"))?;
    let offsets = numbers("data_offsets").ok_or_else(|| broken("data_offsets"))?;
    let &[begin, end] = offsets.as_slice() else { return Err(broken("data_offsets")) };
    let at = |offset: usize| data_begin.checked_add(offset).ok_or_else(|| broken("data_offsets"));
    let (begin, end) = (at(begin)?, at(end)?);
    let length = end.checked_sub(begin).ok_or_else(|| broken("data_offsets"))?;
    // An unknown dtype is told later, by whoever wanted another.
    if let Some(size) = dtype_bytes(dtype) {
        let expected = shape.iter().try_fold(size, |product, &side| product.checked_mul(side));
        if expected != Some(length) {
            return Err(format!("tensor `{name}` has {length} bytes, expected shape {shape:?} of {dtype}"));
        }
    }
    Ok(Entry { dtype: dtype.to_owned(), shape, begin, end })
}

/// The tensors must fill the file: in order of place, each begins where the one before ends.
fn check_layout(entries: &HashMap<String, Entry>, data_begin: usize, file_bytes: usize) -> Result<(), String> {
    let mut by_place: Vec<(&String, &Entry)> = entries.iter().collect();
    by_place.sort_by_key(|(name, entry)| (entry.begin, entry.end, name.as_str()));
    let mut place = data_begin;
    for (name, entry) in by_place {
        if entry.begin != place {
            return Err(format!("tensor `{name}` begins at byte {}, expected {place}", entry.begin));
        }
        place = entry.end;
    }
    match file_bytes {
        bytes if bytes < place => {
            Err(format!("the file is shorter than its header says: it has {bytes} bytes, expected {place}"))
        }
        bytes if bytes > place => {
            Err(format!("the file is longer than its header says: it has {bytes} bytes, expected {place}"))
        }
        _ => Ok(()),
    }
}

fn dtype_bytes(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "U8" | "I8" | "BOOL" => 1,
        _ => return None,
    })
}
