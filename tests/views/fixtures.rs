//! Small traces made by hand, with attention that has something to see.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it, and a test may panic")]

use std::sync::Arc;

use glam::Vec2;
use vlscope::analysis::HeadRows;
use vlscope::analysis::peaks::Peaks;
use vlscope::analysis::per_head::HeadWeights;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::similarity::Similarity;
use vlscope::analysis::sinks::{Sink, Sinks};
use vlscope::analysis::statistics::HeadStatistics;
use vlscope::analysis::timeline::Timeline;
use vlscope::analysis::{Direction, Pick, Selection, SinkTreatment};
use vlscope::query::{
    AttentionGrid, BlockPeaks, BlockSinks, BlockStatistics, Cell, HeadsApart, KnownStatistics, NearestTokens,
    Neighbours, Normalized, OutputMasses, Plane, Projection, Query, Received, Rectangle, Results, RowEntropy,
    StateSimilarity, StatisticGrid, StrongestLinks, Thumbnails, Weights,
};
use vlscope::render::{Fonts, Label, Mark, Pixels};
use vlscope::trace::{Area, Block, Document, Hidden, Mask, Region, Sequence, Token};
use vlscope::view::{Inputs, Options, Scene, Target, View, draw, draw_grid, needs};

/// Everything that a view takes, owned.
pub struct Case {
    pub document: Document,
    pub images: Vec<Arc<Pixels>>,
    pub selection: Selection,
    pub options: Options,
    pub known: Known,
    pub hover: Option<Target>,
    pub size: Vec2,
}

/// The numbers that the views may ask for. What is empty, or `None`, is not known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub statistic: StatisticGrid,
    /// Of the selection.
    pub weights: Arc<Vec<f32>>,
    pub normalized: Option<Arc<Vec<f32>>>,
    /// `[queries, keys]` of the selected heads.
    pub matrix: Arc<Vec<f32>>,
    /// The same of each head, where links are asked for head by head.
    pub head_matrices: Vec<(usize, Arc<Vec<f32>>)>,
    pub projection: Option<Arc<Projection>>,
    pub sinks: Option<Arc<Sinks>>,
    pub refusal: Option<String>,
    pub thumbnails: Option<Arc<Thumbnails>>,
    pub per_head: Option<Arc<HeadWeights>>,
    pub timeline: Option<Arc<Timeline>>,
    pub peaks: Option<Peaks>,
    pub received: Arc<Vec<f32>>,
    pub row_entropy: Arc<Vec<f32>>,
    pub neighbours: Option<Arc<Neighbours>>,
    pub similarity: Option<Arc<Similarity>>,
}

/// What is known of the requests of a view.
pub struct Answered {
    pub results: Results,
    pub heads: Vec<usize>,
}

impl Case {
    pub fn draw(&self, view: View) -> Scene {
        let answered = self.answered(view);
        let inputs = self.inputs(&answered);
        match view {
            // The grid of the case is drawn as it is, whichever statistic it says it is.
            View::Heads if !self.known.statistic.values.is_empty() => {
                draw_grid(&self.known.statistic, &inputs, &mut Fonts::new())
            }
            _ => draw(view, &inputs, &mut Fonts::new()),
        }
    }

    pub fn inputs<'a>(&'a self, answered: &'a Answered) -> Inputs<'a> {
        Inputs {
            document: &self.document,
            images: &self.images,
            heads: &answered.heads,
            selection: &self.selection,
            shown: &self.selection,
            hover: self.hover,
            options: &self.options,
            results: &answered.results,
            refusal: self.known.refusal.as_deref(),
            moving: None,
            size: self.size,
        }
    }

    /// Answers what the view asks for as far as it is known.
    pub fn answered(&self, view: View) -> Answered {
        let heads = vec![self.known.statistic.heads; self.document.attention.len()];
        let nothing = Answered { results: Results::default(), heads };
        let asked = needs(view, &self.inputs(&nothing));
        let mut results = Results::default();
        if !self.known.weights.is_empty() {
            results.insert(Weights::of(&self.selection), self.known.weights.to_vec());
        }
        asked.iter().for_each(|query| self.answer(query, &mut results));
        Answered { results, ..nothing }
    }

    fn answer(&self, query: &Query, results: &mut Results) {
        let known = &self.known;
        let keys = self.document.attention.get(self.selection.block).map_or(0, |_| self.side(1).len());
        let rows =
            |matrix: &Arc<Vec<f32>>| HeadRows::of_rollout(Arc::clone(matrix), keys, &Selection::default(), Vec::new());
        if let Some(asked) = query.request::<BlockStatistics>() {
            let StatisticGrid { name, layers, heads, values, .. } = &known.statistic;
            if !values.is_empty() {
                let found = HeadStatistics::new(name.clone(), *layers, *heads, values.clone());
                results.insert(asked.clone(), KnownStatistics { all: vec![found], layers: [*layers; 2] });
            }
        }
        if let (Some(asked), Some(shown)) = (query.request::<Normalized>(), &known.normalized) {
            results.insert(asked.clone(), shown.to_vec());
        }
        if let Some(asked) = query.request::<Rectangle>().filter(|_| !known.matrix.is_empty()) {
            results.insert(asked.clone(), asked.of(&rows(&known.matrix), &|| true).unwrap());
        }
        if let (Some(asked), Some(Target::Cell { query, key })) = (query.request::<Cell>(), self.hover) {
            results.insert(asked.clone(), known.matrix[query * keys + key]);
        }
        if let Some(asked) = query.request::<StrongestLinks>().filter(|_| !known.matrix.is_empty()) {
            let of_head = known.head_matrices.iter().find(|(head, _)| asked.matrix().head == Pick::One(*head));
            let matrix = of_head.map_or(&known.matrix, |(_, matrix)| matrix);
            results.insert(asked.clone(), asked.among(&rows(matrix), &|| true).unwrap());
        }
        if let (Some(asked), Some(found)) = (query.request::<BlockSinks>(), &known.sinks) {
            results.insert(asked.clone(), (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<BlockPeaks>(), known.peaks) {
            results.insert(asked.clone(), found);
        }
        if let (Some(asked), Some(found)) = (query.request::<AttentionGrid>(), &known.thumbnails) {
            results.insert(asked.clone(), (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<HeadsApart>(), &known.per_head) {
            results.insert(asked.clone(), (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<OutputMasses>(), &known.timeline) {
            results.insert(asked.clone(), (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<Plane>(), &known.projection) {
            results.insert(*asked, (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<StateSimilarity>(), &known.similarity) {
            results.insert(*asked, (**found).clone());
        }
        if let (Some(asked), Some(found)) = (query.request::<NearestTokens>(), &known.neighbours) {
            results.insert(asked.clone(), (**found).clone());
        }
        if let Some(asked) = query.request::<Received>().filter(|_| !known.received.is_empty()) {
            results.insert(asked.clone(), known.received.to_vec());
        }
        if let Some(asked) = query.request::<RowEntropy>().filter(|_| !known.row_entropy.is_empty()) {
            results.insert(asked.clone(), known.row_entropy.to_vec());
        }
    }

    pub fn sized(mut self, width: f32, height: f32) -> Self {
        self.size = Vec2::new(width, height);
        self
    }

    /// The tokens of a side of the current block: 0 queries, 1 keys.
    fn side(&self, side: usize) -> &[Token] {
        let block = &self.document.attention[self.selection.block];
        &self.document.sequences[[block.query, block.key][side]].tokens
    }

    /// Fills what is known with weights that fall off from a bright spot, and follows the selection.
    pub fn computed(mut self) -> Self {
        let block = self.document.attention[self.selection.block].clone();
        let (queries, keys) = (self.side(0).to_vec(), self.side(1).to_vec());
        let mut matrix = Vec::new();
        for (q, query) in queries.iter().enumerate() {
            let mut row: Vec<f32> = keys.iter().enumerate().map(|(k, key)| pull(q, query, k, key)).collect();
            if block.is_causal() {
                row.iter_mut().skip(q + 1).for_each(|weight| *weight = 0.0);
            }
            let sum: f32 = row.iter().sum();
            matrix.extend(row.iter().map(|weight| weight / sum));
        }
        let columns = keys.len();
        let near = if self.selection.direction == Direction::AttendsTo { &queries } else { &keys };
        let chosen: Vec<usize> = match self.selection.tokens.is_empty() {
            true => (0..near.len()).filter(|&token| !near[token].special).collect(),
            false => self.selection.tokens.clone(),
        };
        let weight = |q: usize, k: usize| matrix[q * columns + k];
        let mean = |weights: Vec<f32>| weights.iter().sum::<f32>() / weights.len() as f32;
        let weights: Vec<f32> = match self.selection.direction {
            Direction::AttendsTo => {
                (0..columns).map(|k| mean(chosen.iter().map(|&q| weight(q, k)).collect())).collect()
            }
            Direction::AttendedBy => {
                (0..queries.len()).map(|q| mean(chosen.iter().map(|&k| weight(q, k)).collect())).collect()
            }
        };
        let heads = self.known.statistic.heads;
        // Each head puts another power of the weights forward.
        let powers = (0..heads).flat_map(|head| weights.iter().map(move |weight| weight.powf(1.0 + head as f32 / 8.0)));
        self.known.per_head = Some(Arc::new(HeadWeights { heads, values: powers.collect() }));
        self.known.thumbnails = Some(Arc::new(thumbnails(&self.known.statistic)));
        self.known.weights = Arc::new(weights);
        self.known.matrix = Arc::new(matrix);
        self.known.projection = self.document.hidden.first().map(|hidden| {
            let tokens = &self.document.sequences[hidden.sequence].tokens;
            Arc::new(projection(tokens, hidden))
        });
        self
    }
}

/// Numbers between 0 and 1 that look random and never change.
pub fn noise(seed: usize) -> f32 {
    let mut x = (seed as u32).wrapping_mul(0x9E37_79B9) ^ 0x85EB_CA6B;
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    x = x.wrapping_mul(0x297A_2D39);
    x ^= x >> 15;
    x as f32 / u32::MAX as f32
}

fn pull(q: usize, query: &Token, k: usize, key: &Token) -> f32 {
    let base = 0.15 + 0.3 * noise(q * 7919 + k * 31 + 5);
    match (query.image_area(), key.image_area()) {
        (None, Some((_, area))) => {
            let [x, y] = area.center();
            let (dx, dy) = (x - 0.4, y - 0.3 - 0.02 * q as f32);
            base + 6.0 * (-(dx * dx + dy * dy) / 0.03).exp() * (0.3 + noise(q + 77))
        }
        (Some((i, a)), Some((j, b))) if i == j => {
            let ([ax, ay], [bx, by]) = (a.center(), b.center());
            base + 5.0 * (-((ax - bx).powi(2) + (ay - by).powi(2)) / 0.02).exp()
        }
        _ if key.special => base + 1.5,
        (None, None) => base + if q == k { 2.0 } else { 4.0 * noise(q * 13 + k) * noise(q + k) },
        _ => base,
    }
}

fn projection(tokens: &[Token], hidden: &Hidden) -> Projection {
    let point = |(index, token): (usize, &Token)| match token.image_area() {
        Some((image, area)) => {
            let [x, y] = area.center();
            [3.0 * x + 2.0 * image as f32 + noise(index) - 1.0, 2.0 * y + noise(index + 500)]
        }
        None => [-4.0 + 3.0 * noise(index + 900), 4.0 * noise(index + 1300) - 2.0],
    };
    Projection {
        points: tokens.iter().enumerate().map(point).collect(),
        sequence: hidden.sequence,
        state: 3,
        states: hidden.states,
        explained: [0.43, 0.12],
        ..Projection::default()
    }
}

pub fn text(text: &str) -> Token {
    let special = text.starts_with('[') && text.ends_with(']') || text == "<s>" || text == "</s>";
    Token { special, ..Token::of_text(text) }
}

pub fn patches(image: usize, rows: usize, columns: usize) -> Vec<Token> {
    let area = |index: usize| {
        let (row, column) = ((index / columns) as f32, (index % columns) as f32);
        let (width, height) = (1.0 / columns as f32, 1.0 / rows as f32);
        let (x0, y0) = (column * width, row * height);
        Area { x0, y0, x1: x0 + width, y1: y0 + height }
    };
    (0..rows * columns).map(|index| Token::of_image(image, area(index))).collect()
}

/// A light background with a disc.
pub fn picture(width: u32, height: u32) -> Arc<Pixels> {
    let pixel = |index: u32| {
        let (x, y) = ((index % width) as f32 / width as f32, (index / width) as f32 / height as f32);
        let inside = (x - 0.42).powi(2) + (y - 0.36).powi(2) < 0.06;
        if inside { [30, 170, 90] } else { [214, 214, 226] }
    };
    Arc::new(Pixels { width, height, rgb: (0..width * height).flat_map(pixel).collect() })
}

pub fn statistic(layers: usize, heads: usize, diverging: bool) -> StatisticGrid {
    let value = |index: usize| if diverging { 4.0 * noise(index) - 2.0 } else { noise(index).powi(2) * 0.84 };
    let values: Vec<f32> = (0..layers * heads).map(value).collect();
    let layer_mean = values.chunks(heads).map(|row| row.iter().sum::<f32>() / heads as f32).collect();
    let of_head = |head: usize| values.iter().skip(head).step_by(heads).sum::<f32>() / layers as f32;
    let head_mean = (0..heads).map(of_head).collect();
    let (name, label, unit) = match diverging {
        true => ("vli.image_to_text", "VL-InterpreT image→text", "z-score"),
        false => ("mass.text.image", "Attention mass text → image", "share of attention"),
    };
    let (name, label, unit) = (name.to_owned(), label.to_owned(), unit.to_owned());
    let marked = Vec::new();
    let (range, rows_left_out) = (None, Arc::default());
    StatisticGrid {
        name,
        label,
        unit,
        layers,
        heads,
        values,
        layer_mean,
        head_mean,
        diverging,
        range,
        flat: None,
        marked,
        rows_left_out,
    }
}

/// Tiles of 6 × 6 cells with as strong a diagonal as the statistic is high; the last layer lacks its last head.
pub fn thumbnails(statistic: &StatisticGrid) -> Thumbnails {
    let tiling = Tiling { rows: 6, columns: 6, pooling: Pooling::Maximum, causal: false };
    let tile = |value: f32| (0..36).map(move |cell| if cell % 7 == 0 { value.abs() } else { 0.1 * noise(cell) });
    let tiles = statistic.values.chunks(statistic.heads).enumerate().map(|(layer, row)| {
        let is_last = layer + 1 == statistic.layers && row.len() > 1;
        row[..row.len() - usize::from(is_last)].iter().flat_map(|&value| tile(value)).collect()
    });
    Thumbnails::of(&tiles.collect::<Vec<Vec<f32>>>(), &tiling)
}

pub fn case(document: Document, images: Vec<Arc<Pixels>>, layers: usize, heads: usize) -> Case {
    Case {
        document,
        images,
        selection: Selection { layer: Pick::One(2.min(layers - 1)), head: Pick::One(1), ..Selection::default() },
        options: Options::default(),
        known: Known { statistic: statistic(layers, heads, false), ..Known::default() },
        hover: None,
        size: Vec2::new(640.0, 480.0),
    }
}

fn block(name: &str, query: usize, key: usize, causal: bool) -> Block {
    Block { masks: vec![if causal { Mask::Causal } else { Mask::Full }], ..Block::new(name, query, key, 4) }
}

/// A question about a 64 × 64 picture with 8 × 8 patches; 'color' is selected.
pub fn question() -> Case {
    let words = ["[CLS]", "what", "color", "is", "the", "shape", "?", "[SEP]"];
    let mut tokens: Vec<Token> = words.iter().map(|word| text(word)).collect();
    tokens.push(Token { special: true, ..patches(0, 1, 1).remove(0) });
    tokens.extend(patches(0, 8, 8));
    let document = Document {
        id: Some("easy-vqa/test/00017".to_owned()),
        sequences: vec![Sequence { name: "main".to_owned(), tokens }],
        attention: vec![block("self", 0, 0, false)],
        hidden: vec![Hidden { sequence: 0, states: 5 }],
        images: 1,
        regions: vec![Region {
            label: "circle".into(),
            image: 0,
            area: Area { x0: 0.17, y0: 0.11, x1: 0.67, y1: 0.61 },
        }],
        outputs: serde_json::json!({"prediction": "green", "answer": "teal", "correct": false})
            .as_object()
            .unwrap()
            .clone(),
        ..Document::default()
    };
    let mut case = case(document, vec![picture(64, 64)], 4, 4);
    case.selection.tokens = vec![2];
    case.computed()
}

/// A decoder of formulas over an encoder of 3 × 5 patches; the block is the cross-attention.
pub fn encoder_decoder() -> Case {
    let words = ["<s>", "\\frac", "{a}", "{b}"].map(text).to_vec();
    let document = Document {
        id: Some("synthetic/encoder-decoder".to_owned()),
        sequences: vec![
            Sequence { name: "encoder".to_owned(), tokens: patches(0, 3, 5) },
            Sequence { name: "decoder".to_owned(), tokens: words },
        ],
        attention: vec![block("encoder", 0, 0, false), block("decoder", 1, 1, true), block("cross", 1, 0, false)],
        hidden: vec![Hidden { sequence: 0, states: 3 }],
        images: 1,
        ..Document::default()
    };
    let mut case = case(document, vec![picture(50, 30)], 2, 3);
    case.selection.block = 2;
    case.selection.tokens = vec![1];
    case.computed()
}

/// Two images between words of two segments.
pub fn multi_image() -> Case {
    let segment = |word: &str, segment: &str| Token { segment: Some(segment.to_owned()), ..text(word) };
    let mut tokens = vec![text("[CLS]")];
    tokens.extend(patches(0, 2, 2));
    tokens.push(segment("vs", "snippet"));
    tokens.extend(patches(1, 3, 2));
    tokens.extend([segment("Which", "question"), segment("build", "question"), segment("##ing", "question")]);
    tokens.extend([segment("日本語", "question"), segment("Ġnaïve", "question"), text("[SEP]")]);
    let document = Document {
        id: Some("synthetic/multi-image".to_owned()),
        sequences: vec![Sequence { name: "main".to_owned(), tokens }],
        attention: vec![block("self", 0, 0, false)],
        hidden: vec![Hidden { sequence: 0, states: 4 }],
        images: 2,
        regions: vec![Region { label: "dome".into(), image: 1, area: Area { x0: 0.0, y0: 0.0, x1: 0.5, y1: 0.34 } }],
        ..Document::default()
    };
    case(document, vec![picture(20, 20), picture(22, 33)], 3, 2).computed()
}

/// Words alone, causal.
pub fn words_only() -> Case {
    let words = ["▁The", "▁quick", "▁brown", "▁fox", "▁jump", "s", "▁over", "▁the", "▁lazy", "▁dog", "."];
    let tokens: Vec<Token> = words.iter().map(|word| text(word)).collect();
    let document = Document {
        sequences: vec![Sequence { name: "main".to_owned(), tokens }],
        attention: vec![block("self", 0, 0, true)],
        ..Document::default()
    };
    case(document, Vec::new(), 12, 12).computed()
}

/// A trace that holds nothing but a name.
pub fn nothing() -> Case {
    case(Document { id: Some("empty".to_owned()), ..Document::default() }, Vec::new(), 1, 1)
}

pub fn labels(scene: &Scene) -> Vec<&Label> {
    scene
        .drawing
        .marks
        .iter()
        .filter_map(|mark| if let Mark::Label(label) = mark { Some(label) } else { None })
        .collect()
}

/// 32 layers of 32 heads.
pub fn many_heads() -> Case {
    let mut case = question();
    case.known.statistic = statistic(32, 32, true);
    case.known.statistic.values[40] = f32::NAN;
    case
}

/// Regions of a detector, of which one lies in another.
pub fn boxes() -> Case {
    let token = |x0: f32, y0: f32, x1: f32, y1: f32| Token::of_image(0, Area { x0, y0, x1, y1 });
    let mut case = question();
    let tokens = vec![text("what"), token(0.2, 0.2, 0.5, 0.5), token(0.1, 0.1, 0.9, 0.6), token(0.6, 0.7, 0.95, 0.9)];
    case.document.sequences[0].tokens = tokens;
    case.selection.tokens = vec![0];
    case.computed()
}

/// A long causal prompt with a large image in its middle, as today's models have it.
pub fn long_prompt() -> Case {
    let prompt = "<s> USER : ▁Here ▁is ▁a ▁photo graph ▁of ▁a ▁busy ▁street ▁market ▁in ▁the ▁old ▁town .";
    let question = "▁Please ▁describe ▁every thing ▁that ▁is ▁sold ▁at ▁the ▁stall ▁in ▁the ▁fore ground , ▁and ▁say ▁how \
        ▁many ▁people ▁stand ▁in ▁front ▁of ▁it . ▁ASS IST ANT : ▁The ▁stall ▁sells ▁apples , ▁pears ▁and ▁flowers";
    let words = |words: &str| words.split_whitespace().map(text).collect::<Vec<_>>();
    let mut tokens = words(prompt);
    tokens.extend(patches(0, 24, 24));
    tokens.extend(words(question));
    let document = Document {
        id: Some("llava-like/street-market/000000017".to_owned()),
        sequences: vec![Sequence { name: "main".to_owned(), tokens }],
        attention: vec![block("self", 0, 0, true)],
        hidden: vec![Hidden { sequence: 0, states: 33 }],
        images: 1,
        ..Document::default()
    };
    let mut case = case(document, vec![picture(96, 64)], 32, 32);
    case.selection.tokens = vec![18 + 576 + 20, 18 + 576 + 22];
    case.computed()
}

/// A chat about a picture that the model sees as an overview and as finer tiles, with a newline token behind each row of
/// tiles' patches; the answer is generated. Causal.
pub fn tiled_chat() -> Case {
    let of = |words: &str, segment: &str| -> Vec<Token> {
        let token = |word: &str| Token { segment: Some(segment.to_owned()), ..text(word) };
        words.split_whitespace().map(token).collect()
    };
    let mut tokens = vec![text("<s>")];
    tokens.extend(of("▁US ER :", "prompt"));
    tokens.extend(patches(0, 2, 3));
    for row in patches(0, 4, 6).chunks(6) {
        tokens.extend_from_slice(row);
        tokens.push(text("<0x0A>"));
    }
    tokens.extend(of("▁What ▁is ▁this ?", "prompt"));
    tokens.extend(of("▁A ▁pe ar <0xE6> <0x97> <0xA5> .", "generated"));
    let document = Document {
        id: Some("synthetic/tiled-chat".to_owned()),
        sequences: vec![Sequence { name: "main".to_owned(), tokens }],
        attention: vec![block("self", 0, 0, true)],
        hidden: vec![Hidden { sequence: 0, states: 5 }],
        images: 1,
        ..Document::default()
    };
    case(document, vec![picture(60, 40)], 4, 2).computed().with_timeline()
}

impl Case {
    /// The masses of the output tokens, in four layers that are all alike.
    pub fn with_timeline(mut self) -> Self {
        use vlscope::analysis::LayerWeights;
        use vlscope::analysis::timeline::{HeadMasses, groups, output_tokens, usual_sinks};
        use vlscope::trace::{Dtype, TensorView};
        let block = &self.document.attention[self.selection.block];
        let outputs = output_tokens(&self.document, block);
        let groups = groups(&self.document, block, &outputs, &usual_sinks(&self.document, block));
        let bytes: Vec<u8> = self.known.matrix.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let shape = vec![1, self.side(0).len(), self.side(1).len()];
        let layers = vec![LayerWeights::Stored(TensorView { dtype: Dtype::F32, shape, bytes: &bytes }); 4];
        let masses = HeadMasses::sum(&layers, &outputs, &groups, &|| true).unwrap();
        let timeline = masses.mean(&(0..4).map(|layer| (layer, 0..1)).collect::<Vec<_>>());
        self.known.timeline = Some(Arc::new(timeline));
        self
    }
}

/// `[CLS]`, a patch and a word are sinks, and marked.
pub fn marked_sinks() -> Case {
    let sink = |token: usize| Sink { token, heads: 0.75, is_massive: false };
    let mut case = question();
    case.selection.sinks = SinkTreatment::Mark;
    case.known.sinks = Some(Arc::new(Sinks { sinks: vec![sink(0), sink(3), sink(30)], dimensions: Vec::new() }));
    case
}
