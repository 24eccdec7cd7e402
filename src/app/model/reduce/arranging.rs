//! Where the panels stand.

use crate::app::model::arrangement::PanelCommand;
use crate::app::model::effect::Effect;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;

impl State {
    /// What only the layout knows is left to it.
    pub(in crate::app) fn arrange(&mut self, command: PanelCommand) -> Option<Effect> {
        let arranged = &mut self.arranged;
        match command {
            PanelCommand::ToggleMaximised(panel) => {
                let first = || self.shown_views.first().copied().map(Panel::View);
                let wanted = panel.or(self.focused_panel).or(arranged.pointed).or_else(first);
                arranged.maximised = if arranged.maximised.is_some() { None } else { wanted };
                return None;
            }
            PanelCommand::Arrange(_) => arranged.maximised = None,
            PanelCommand::Keep(ref name) if name.trim().is_empty() => return None,
            PanelCommand::Keep(_) | PanelCommand::Forget(_) => {}
        }
        Some(Effect::Panels(command))
    }
}
