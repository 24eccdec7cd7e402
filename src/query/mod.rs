//! What is known of a trace, on request: a [`Request`] is a small typed value with one result, computed once and cached.
//!
//! Views declare what they need as requests and read the [`Results`]; the window lets a [`QueryEngine`] run them in threads, and
//! whoever has no window lets a [`Solver`] compute them here and now. Both take the same way: each number is computed by the
//! `compute` of its request and nowhere else.
//!
//! | file | requests |
//! | --- | --- |
//! | `weights` | weights of the selected tokens, normalized, of every head apart, of a layer or of all |
//! | `matrix` | rectangles and cells of the selected heads' matrix, what keys receive, entropy of rows |
//! | `links` | the strongest links between two sets of tokens |
//! | `heads` | statistics of a block, tiles of all its heads |
//! | `relevance` | a relevance head by head |
//! | `shares` | how much of the selected tokens' attention goes to named tokens, in every head |
//! | `block` | sinks, masses of output tokens, peaks |
//! | `hidden` | states in the plane, nearest tokens, similarity of states |
//! | `query_keys` | queries and keys in one plane |
//! | `words` | what states decode to |

mod atlas;
mod block;
mod caught;
mod engine;
mod error;
mod heads;
mod hidden;
mod links;
mod matrix;
mod open;
mod query_keys;
mod relevance;
mod request;
mod results;
mod rows;
mod shares;
mod solver;
mod value;
mod weights;
mod words;

pub use atlas::{Atlas, AtlasError, AtlasQuestion, AtlasValue, PERMUTATIONS, SIGNIFICANT};
pub use block::{BlockPeaks, BlockSinks, OutputMasses};
pub use caught::{Panicked, caught};
pub use engine::{QueryEngine, Want};
pub use error::QueryError;
pub use heads::{AttentionGrid, AttentionTiles, BlockStatistics, KnownStatistics, StatisticGrid};
pub use hidden::{NearTokens, NearestTokens, Neighbours, Plane, Projection, StateSimilarity, hidden_state};
pub use links::{Apart, FoundLink, FoundLinks, Keeps, StrongestLinks};
pub use matrix::{Cell, Received, Rectangle, RectangleCells, RowEntropy};
pub use open::OpenTrace;
pub use query_keys::{JointPlane, QueriesAndKeys};
pub use relevance::HeadRelevance;
pub use request::{Context, Lane, Query, Request};
pub use results::Results;
pub use shares::HeadShares;
pub use solver::Solver;
pub use value::HeapBytes;
pub use weights::{HeadsApart, LayerHeads, LayersApart, Normalized, Weights};
pub use words::{Decoded, DecodedState};
