//! What the help is about.

use crate::app::model::panel::Panel;
use crate::typed::choice;

choice! {
    /// A page of it.
    #[derive(Default)]
    pub enum HelpPage {
        /// Keys and gestures, by what they are for.
        #[default]
        Keys = "keys", "Keys and pointer";
        /// Each panel in a sentence.
        Views = "views", "Views";
        /// Each statistic with its formula.
        Statistics = "statistics", "Statistics";
        /// What a newcomer is told.
        FirstSteps = "first-steps", "First steps";
    }
}

/// What of the help is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// Which page.
    pub page: HelpPage,
    /// The panel that was asked about.
    pub about: Option<Panel>,
}
