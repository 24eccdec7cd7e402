//! All tokens of a dataset: what the index says of each, one projection of their hidden states, and the nearest among them.

mod atlas;
mod columns;
mod examples;
mod nearest;

pub use atlas::{TokenAtlas, TokenError, states};
pub use columns::Tokens;
pub use examples::Examples;
pub use nearest::{NearToken, Nearest, NearestOptions, TokenKey, nearest};
