//! What the panels are made of: colours, canvases, menus, keys, and where the keyboard is.

pub mod appearance;
pub mod canvas;
pub mod controls;
pub mod focus;
pub mod keys;
pub mod lasso;
pub mod toasts;
