//! ISO 9660 as ECMA-119 describes it: descriptors, directory records, path tables, names.

pub mod descriptor;
pub mod directory_record;
pub mod number;
pub mod path_table;

pub(crate) mod name;
