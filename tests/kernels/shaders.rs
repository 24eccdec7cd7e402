//! Every shader, of the kernels and of the renderer: valid, bound as the Rust side binds it, and fit for every backend.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess, TypeInner, back};
use vlscope::analysis::attention::gpu::kernels;
use vlscope::analysis::{gather, normalize, pool, rollout, statistics};
use vlscope::gpu::{Binding, PageKernel, Shader};
use vlscope::render;

const KERNELS: [Shader; 8] = [
    statistics::gpu::Statistics::SHADER,
    gather::gpu::Gather::SHADER,
    normalize::gpu::SHADER,
    rollout::gpu::Multiplication::SHADER,
    pool::gpu::Pool::SHADER,
    kernels::TURN,
    kernels::LOGITS,
    kernels::SOFTMAX,
];

fn shaders() -> impl Iterator<Item = Shader> {
    KERNELS.into_iter().chain(render::SHADERS)
}

fn parse(shader: &Shader) -> (naga::Module, ModuleInfo) {
    let name = shader.name;
    let module = naga::front::wgsl::parse_str(shader.wgsl)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(shader.wgsl)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::default())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(shader.wgsl)));
    (module, info)
}

fn check(shader: &Shader) {
    let name = shader.name;
    let (module, _) = parse(shader);
    let bound: Vec<_> =
        module.global_variables.iter().filter_map(|(_, global)| Some((global.binding?, global))).collect();
    assert_eq!(bound.len(), shader.bindings.len(), "{name}: number of bindings");
    for (at, global) in bound {
        assert_eq!(at.group, 0, "{name}");
        let inner = &module.types[global.ty].inner;
        let in_shader = match (global.space, inner) {
            (AddressSpace::Uniform, _) => Binding::Uniform(u64::from(inner.size(module.to_ctx()))),
            (AddressSpace::Storage { access }, _) if access.contains(StorageAccess::STORE) => Binding::ReadWrite,
            (AddressSpace::Storage { .. }, _) => Binding::Read,
            (_, TypeInner::Image { class: naga::ImageClass::Sampled { .. }, .. }) => Binding::Texture,
            (_, TypeInner::Image { class: naga::ImageClass::Storage { .. }, .. }) => Binding::Pixels,
            (_, TypeInner::Sampler { .. }) => Binding::Sampler,
            (space, _) => panic!("{name}: binding {} is in {space:?}", at.binding),
        };
        assert_eq!(shader.bindings[at.binding as usize], in_shader, "{name}: binding {}", at.binding);
    }
    let entry_points: Vec<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(entry_points, shader.entry_points, "{name}");

    // What every adapter grants, so that no kernel is refused.
    let limits = wgpu::Limits::default();
    for entry in &module.entry_points {
        let [x, y, z] = entry.workgroup_size;
        assert!(x * y * z <= limits.max_compute_invocations_per_workgroup, "{name}: threads of {}", entry.name);
    }
    let shared: u32 = module
        .global_variables
        .iter()
        .filter(|(_, global)| global.space == AddressSpace::WorkGroup)
        .map(|(_, global)| module.types[global.ty].inner.size(module.to_ctx()))
        .sum();
    assert!(shared <= limits.max_compute_workgroup_storage_size, "{name}: {shared} bytes of workgroup memory");
}

#[test]
fn bindings_are_those_of_the_shaders() {
    shaders().for_each(|shader| check(&shader));
}

/// A shader that is in a folder but not in the lists above would go unchecked.
#[test]
fn every_shader_of_the_folders_is_checked() {
    let files: BTreeSet<String> = ["analysis", "render"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(format!("shaders/{folder}")).unwrap().map(move |file| (folder, file)))
        .map(|(folder, file)| format!("{folder}/{}", file.unwrap().path().file_stem().unwrap().to_string_lossy()))
        .filter(|name| name != "render/view")
        .collect();
    let listed: BTreeSet<String> = shaders().map(|shader| shader.name.to_owned()).collect();
    assert_eq!(files, listed);
}

/// One token of the statistics' plan: the struct of the Rust side and that of the shader have the same stride.
#[test]
fn a_place_has_the_same_size_on_both_sides() {
    let module = naga::front::wgsl::parse_str(statistics::gpu::Statistics::SHADER.wgsl).unwrap();
    let place = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Place")).unwrap().1;
    assert_eq!(place.inner.size(module.to_ctx()) as usize, size_of::<statistics::plan::Place>());
}

/// What a token is, is written twice, in Rust and in WGSL. (The slots of the sums are in one list.)
#[test]
fn flags_have_the_same_numbers_on_both_sides() {
    let consts = |path: &str, keyword: &str| -> Vec<(String, String)> {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix(keyword)?.strip_suffix(';')?.split_once(" = "));
        let number = |(name, value): (&str, &str)| {
            let name = name.split(':').next().unwrap_or(name).trim().to_owned();
            (name, value.trim_end_matches('u').to_owned())
        };
        lines.map(number).collect()
    };
    let in_shader = consts("shaders/analysis/statistics.wgsl", "const ");
    let mut checked = 0;
    for flag in consts("src/analysis/statistics/plan.rs", "pub const ") {
        assert!(in_shader.contains(&flag), "{flag:?} is not in the shader");
        checked += 1;
    }
    assert_eq!(checked, 8, "a constant is no longer written as this test reads them");
}

/// What wgpu hands to Metal; no machine of ours has it.
#[test]
fn every_shader_translates_to_msl() {
    for shader in shaders() {
        let (module, info) = parse(&shader);
        let options = back::msl::Options { lang_version: (2, 0), fake_missing_bindings: true, ..Default::default() };
        let text = back::msl::write_string(&module, &info, &options, &back::msl::PipelineOptions::default());
        let (text, translated) = text.unwrap_or_else(|error| panic!("{}: {error}", shader.name));
        assert_eq!(translated.entry_point_names.len(), shader.entry_points.len());
        for name in translated.entry_point_names {
            let name = name.unwrap_or_else(|error| panic!("{}: {error}", shader.name));
            assert!(text.contains(&name), "{}: {name}", shader.name);
        }
    }
}

/// What wgpu hands to DirectX 12.
#[test]
fn every_shader_translates_to_hlsl() {
    for shader in shaders() {
        let (module, info) = parse(&shader);
        let options = back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
        let pipeline = back::hlsl::PipelineOptions::default();
        let mut text = String::new();
        let translated = back::hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{}: {error}", shader.name));
        assert_eq!(translated.entry_point_names.len(), shader.entry_points.len());
        for name in translated.entry_point_names {
            let name = name.unwrap_or_else(|error| panic!("{}: {error}", shader.name));
            assert!(text.contains(&name), "{}: {name}", shader.name);
        }
    }
}
