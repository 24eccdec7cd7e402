//! Where the keyboard is: what Tab passes over, the way from panel to panel, the mark around what has the focus, and the
//! way back once a menu has closed.

use egui::accesskit::{Action, ActionRequest, Role, TreeId};
use egui::{Context, Event, FocusDirection, Id, Key, LayerId, Memory, Order, Popup, Rect, Sense, Stroke, StrokeKind};

/// Kept from frame to frame.
#[derive(Debug, Default)]
pub struct Focus {
    /// Where Tab went last.
    goes_back: bool,
    /// The focus is on something that it passes over.
    passes: bool,
    /// What a pointer drags and no key moves, besides what is as thin as a border.
    handles: Vec<Id>,
    /// The panels of this frame, in their order: where each is, and what of it gets the focus.
    panels: Vec<(Rect, Id)>,
    /// What had the focus last, in the panels and bars.
    home: Option<Id>,
    /// Whether the focus is in a menu or another window above them.
    is_away: bool,
    /// What had the focus at the end of the last frame.
    seen: Option<Id>,
    /// What has the focus and is out of sight.
    hidden: Option<Id>,
}

/// This is what gets the focus when its panel does.
pub fn offer(context: &Context, id: Id) {
    context.data_mut(|data| data.insert_temp(offered(), Some(id)));
}

fn offered() -> Id {
    Id::unique("what gets the focus of its panel")
}

impl Focus {
    /// Before anything of the frame is shown.
    pub fn begin(&mut self, context: &Context) {
        self.panels.clear();
        self.handles.clear();
        let tab = context.input(|input| {
            input.events.iter().rev().find_map(|event| match event {
                Event::Key { key: Key::Tab, pressed: true, modifiers, .. } => Some(modifiers.shift),
                _ => None,
            })
        });
        self.goes_back = tab.unwrap_or(self.goes_back);
        if std::mem::take(&mut self.passes) {
            let on = if self.goes_back { FocusDirection::Previous } else { FocusDirection::Next };
            context.memory_mut(|memory| memory.move_focus(on));
        }
        if let Some(hidden) = self.hidden.take() {
            // As a screen reader asks for it: whatever scrolls it brings it into sight.
            let request = ActionRequest {
                action: Action::ScrollIntoView,
                target_tree: TreeId::ROOT,
                target_node: hidden.accesskit_id(),
                data: None,
            };
            context.input_mut(|input| input.events.push(Event::AccessKitActionRequest(request)));
        }
    }

    /// A panel was shown, which gets the focus at `tab` unless it has offered something better. Whether it has it.
    pub fn panel(&mut self, context: &Context, space: Rect, tab: Id) -> bool {
        let stop = context.data_mut(|data| data.remove_temp::<Option<Id>>(offered())).flatten().unwrap_or(tab);
        self.panels.push((space, stop));
        context.memory(Memory::focused) == Some(stop)
    }

    /// The focus passes over this one.
    pub fn pass_over(&mut self, handle: Id) {
        self.handles.push(handle);
    }

    /// So many panels further than the one that has the focus; from outside of them to the first, or the last.
    pub fn step(&self, context: &Context, by: isize) {
        let focused = context.memory(Memory::focused).and_then(|id| context.read_response(id));
        let now = focused.and_then(|response| {
            let place = response.interact_rect.center();
            self.panels.iter().position(|(space, stop)| *stop == response.id || space.contains(place))
        });
        let count = self.panels.len() as isize;
        let next = match now {
            Some(now) => now as isize + by,
            None if by > 0 => by - 1,
            None => count + by,
        };
        if let Some((_, stop)) = self.panels.get(next.rem_euclid(count.max(1)) as usize) {
            context.memory_mut(|memory| memory.request_focus(*stop));
            context.request_repaint();
        }
    }

    /// After all of the frame was shown.
    pub fn end(&mut self, context: &Context) {
        self.handles.extend(borders(context));
        let focused = context.memory(Memory::focused);
        for &handle in &self.handles {
            context.accesskit_node_builder(handle, |node| {
                node.set_role(Role::Splitter);
                node.set_label("border");
                node.remove_action(Action::Focus);
            });
            if focused == Some(handle) {
                self.passes = true;
                context.request_repaint();
            } else {
                // So that no arrow leads there either.
                context.memory_mut(|memory| memory.ignore_focus(handle));
            }
        }
        self.return_home(context, focused);
        self.mark(context);
    }

    /// What is chosen in a menu closes it, and the focus would be nowhere.
    fn return_home(&mut self, context: &Context, focused: Option<Id>) {
        let shown = focused.filter(|id| context.viewport(|viewport| viewport.this_pass.widgets.contains(*id)));
        match shown.and_then(|id| context.read_response(id)) {
            Some(response) => {
                let is_over = response.layer_id.order != Order::Background;
                // Esc takes the focus from the button of an open menu as well.
                self.is_away = is_over || Popup::is_any_open(context);
                if !is_over && !self.passes {
                    self.home = Some(response.id);
                }
            }
            None if std::mem::take(&mut self.is_away) => {
                if let Some(home) = self.home {
                    context.memory_mut(|memory| memory.request_focus(home));
                    context.request_repaint();
                }
            }
            // Requested in this frame, and there in the next.
            None if focused.is_some() => {}
            None => self.home = None,
        }
    }

    /// A frame around what has the focus, whatever it is.
    fn mark(&mut self, context: &Context) {
        let focused = context.memory(Memory::focused).filter(|_| !self.passes);
        let is_new = std::mem::replace(&mut self.seen, focused) != focused;
        let Some(response) = focused.and_then(|id| context.read_response(id)) else { return };
        let visible = response.interact_rect;
        if is_new && visible.area() < 0.9 * response.rect.area() {
            self.hidden = Some(response.id);
            context.request_repaint();
        }
        if visible.is_positive() {
            let painter = context.layer_painter(response.layer_id).with_clip_rect(visible.expand(2.0));
            let stroke = Stroke::new(2.0, context.global_style().visuals.hyperlink_color);
            painter.rect_stroke(visible, 3.0, stroke, StrokeKind::Middle);
        }
    }
}

/// The borders between panels, and between columns: so thin is nothing that has a name.
fn borders(context: &Context) -> Vec<Id> {
    let grip = 2.0 * context.global_style().interaction.resize_grab_radius_side;
    context.viewport(|viewport| {
        let widgets = viewport.this_pass.widgets.get_layer(LayerId::background());
        let is_border =
            |sense: Sense, space: Rect| sense == Sense::click_and_drag() && space.size().min_elem() <= grip + 0.5;
        widgets.filter(|widget| is_border(widget.sense, widget.rect)).map(|widget| widget.id).collect()
    })
}
