//! The vote table as text and JSON.

//pub mod json;
//pub mod text;
