//! Archives of documents: how much they hold is looked at before anything of it is unpacked. Nothing is ever written under a member's name.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::limits;
use crate::ExtractError;

/// An archive that is not too large.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Reads the list of members and what it says of them, and unpacks those that could be more than they say, keeping nothing.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ExtractError> {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        if zip.len() > limits::MEMBERS {
            return Err(too_large(format!("{} members in the archive", zip.len())));
        }
        let mut all = 0_u64;
        for index in 0..zip.len() {
            let (name, said, packed, protected) = {
                let member = zip.by_index_raw(index).map_err(damaged)?;
                (
                    member.name().to_owned(),
                    member.size(),
                    member.compressed_size(),
                    member.encrypted(),
                )
            };
            if protected {
                return Err(ExtractError::Protected);
            }
            let size = if packed.saturating_mul(DEFLATE) > limits::MEMBER
                && said < packed.saturating_mul(DEFLATE)
            {
                measure(&mut zip, index, said)?
            } else {
                said
            };
            all = all.saturating_add(size);
            let name: String = name.chars().take(80).collect();
            if size > limits::MEMBER {
                return Err(too_large(format!("{size} bytes in {name:?}")));
            }
            if size > limits::LARGE && size / packed.max(1) > limits::RATIO {
                return Err(too_large(format!(
                    "{name:?} is packed {} times",
                    size / packed.max(1)
                )));
            }
        }
        if all > limits::UNPACKED {
            return Err(too_large(format!("{all} bytes unpacked")));
        }
        Ok(Self { zip })
    }

    /// The content of a member; none when there is no such member or it cannot be read.
    pub(crate) fn member(&mut self, name: &str, most: u64) -> Option<Vec<u8>> {
        let member = self.zip.by_name(name).ok()?;
        let mut content = Vec::new();
        member.take(most + 1).read_to_end(&mut content).ok()?;
        (content.len() as u64 <= most).then_some(content)
    }
}

/// How many times larger the best packed data can become.
const DEFLATE: u64 = 1032;

/// How large a member really is.
fn measure(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    said: u64,
) -> Result<u64, ExtractError> {
    let member = zip.by_index(index).map_err(damaged)?;
    let size = std::io::copy(&mut member.take(limits::MEMBER + 1), &mut std::io::sink());
    // A checksum that is wrong is left to whoever needs the member.
    Ok(size.map_or(said, |size| size.max(said)))
}

fn too_large(what: String) -> ExtractError {
    ExtractError::TooLarge(what)
}

fn damaged(error: ZipError) -> ExtractError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ExtractError::Protected,
        error => ExtractError::Damaged(error.to_string()),
    }
}
