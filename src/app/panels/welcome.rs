//! What a newcomer is told: what is open, what the panels mean, how one's own model gets here, and three questions to begin with.

use egui::{Align2, Context, ScrollArea, Ui, Window, vec2};

use crate::analysis::{NamedTokens, Pick, Selection};
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::view::{Options, View};

/// Of the card, and what of the window's height is above and below it.
const WIDTH: f32 = 470.0;
const ROOM: f32 = 120.0;

/// The panels that a newcomer sees, in the order in which they are explained.
const PANELS: [Panel; 6] = [
    Panel::Examples,
    Panel::View(View::Heads),
    Panel::View(View::Image),
    Panel::View(View::Text),
    Panel::View(View::Matrix),
    Panel::View(View::Embedding),
];

/// From a model to a trace.
pub const OWN_MODEL: &str = "\
import vlscope
trace = vlscope.capture(model, processor, images=image, text=\"…\")
trace.save(\"mine.safetensors\")";

/// A question about the demo, and what answers it.
pub struct Guide {
    /// The question.
    pub question: &'static str,
    /// Where to look.
    pub answer: &'static str,
    /// The views that come to the front.
    pub front: &'static [View],
    token: usize,
    head: Option<[usize; 2]>,
    region: Option<&'static str>,
}

/// The example of the demo that the questions are about.
pub const EXAMPLE: &str = "0-which-green-thing-is-left-of-the-large-striped-green-thing.safetensors";

/// The questions: of the demo's first example, whose answer begins with token 210.
pub const GUIDES: [Guide; 3] = [
    Guide {
        question: "Which heads look at the object that the answer names?",
        answer: "Bright cells of Heads: layers × heads whose attention goes to the small dotted green circle. The strongest is selected, and Image shows where it looks.",
        front: &[View::Heads, View::Image, View::Text],
        token: 209,
        head: Some([5, 4]),
        region: Some("small dotted green circle"),
    },
    Guide {
        question: "Where does the model look as it writes each word?",
        answer: "Image and Text show the word “small”. K goes to the next word, J back; Space plays all. The tab Timeline shows every word, layer by layer.",
        front: &[View::Image, View::Text],
        token: 211,
        head: None,
        region: None,
    },
    Guide {
        question: "At which layer does it know the answer?",
        answer: "Words shows what each layer's state of each token decodes to: from which row on it is the word that is written next.",
        front: &[View::Lens, View::Image, View::Text],
        token: 209,
        head: None,
        region: None,
    },
];

impl Guide {
    /// What is selected for the answer.
    pub fn selection(&self) -> Selection {
        let pick = |at: usize| self.head.map(|head| Pick::One(head[at]));
        Selection {
            layer: pick(0).unwrap_or(Pick::Mean),
            head: pick(1).unwrap_or(Pick::Mean),
            tokens: vec![self.token],
            ..Selection::default()
        }
    }

    /// How it is shown.
    pub fn options(&self, now: &Options) -> Options {
        Options { to: self.region.map(NamedTokens::of_region), heads_filter: None, ..now.clone() }
    }
}

/// Shows it over the window's lower right corner.
pub fn show(context: &Context, state: &State, commands: &mut Vec<Command>) {
    let mut is_open = true;
    let room = context.content_rect().height() - ROOM;
    Window::new("First steps")
        .open(&mut is_open)
        .collapsible(true)
        .resizable(false)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-10.0, -34.0))
        .show(context, |ui| {
            ui.set_width(WIDTH.min(context.content_rect().width() - 40.0));
            ScrollArea::vertical().max_height(room).show(ui, |ui| show_steps(ui, state, commands));
        });
    if !is_open {
        commands.push(Command::ToggleWelcome);
    }
}

/// The same, in the help as well.
pub fn show_steps(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let is_demo = state
        .welcome
        .demo
        .as_ref()
        .is_some_and(|demo| state.examples.first().is_some_and(|first| first.starts_with(demo)));
    ui.label(match is_demo {
        true => "This is the demo: eight pictures, a question about each, and what a small model answered. What you select in one panel is selected in all.",
        false => "What you select in one panel is selected in all.",
    });
    if state.welcome.demo.is_some() {
        ui.add_space(4.0);
        ui.strong("Begin with a question");
        for (place, guide) in GUIDES.iter().enumerate() {
            if ui.button(guide.question).on_hover_text("Selects in the demo what answers it").clicked() {
                commands.push(Command::ShowGuide(place));
            }
            ui.weak(guide.answer);
        }
    }
    ui.separator();
    for panel in PANELS {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.strong(panel.title());
            ui.weak(panel.says());
        });
    }
    ui.separator();
    ui.horizontal(|ui| {
        ui.strong("Your own model, in Python");
        if ui.small_button("Copy").on_hover_text("Copies these lines").clicked() {
            ui.copy_text(OWN_MODEL.to_owned());
        }
    });
    ui.monospace(OWN_MODEL);
    ui.weak("Then drop mine.safetensors, or a folder of such files, on this window.");
    ui.separator();
    ui.weak("Ctrl+K finds every command. ? lists all keys, and shows this again.");
}
