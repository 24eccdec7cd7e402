//! Adapters by name, pages within their budget, and a device that complains.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::common::{Block, engine_on_shaders, gpu, limited_gpu, new_key, reference};
use vlscope::analysis::{Compute, Engine, Pick, Selection};
use vlscope::gpu::{AdapterChoice, Gpu, PageKey, adapters, read_back};
use vlscope::trace::{Dtype, TensorView};

#[test]
fn an_adapter_is_found_by_a_part_of_its_name_in_any_case() {
    let report = adapters();
    let name = &gpu().info.name;
    let listed = report.iter().find(|adapter| &adapter.name == name).unwrap();
    assert_eq!(listed.runs_shaders, !gpu().is_software());
    assert!(listed.max_binding_bytes >= 1 << 27);
    let part: String = name.chars().take(6).collect::<String>().to_uppercase();
    assert_eq!(&Gpu::open(&AdapterChoice::Named(part)).unwrap().info.name, name);
    let error = Gpu::open(&AdapterChoice::Named("Voodoo2".into())).unwrap_err().to_string();
    assert!(error.starts_with("no adapter has `Voodoo2` in its name; there are: ") && error.contains(name), "{error}");
}

#[test]
fn the_engine_follows_the_adapter_unless_told_otherwise() {
    assert!(engine_on_shaders().runs_shaders());
    let automatic = Engine::new(Some(gpu().clone()), Compute::Auto, 1 << 30).unwrap();
    assert_eq!(automatic.runs_shaders(), !gpu().is_software());
    assert!(!Engine::new(Some(gpu().clone()), Compute::Cpu, 1 << 30).unwrap().runs_shaders());
    let error = Engine::new(None, Compute::Gpu, 1 << 20).unwrap_err().to_string();
    assert_eq!(error, "the statistics cannot run in shaders: no GPU is open");
}

/// Three layers of 512 bytes in a budget for two: the one that was used longest ago makes room.
#[test]
fn the_least_recently_used_page_goes_first() {
    let block = Block::mixed(8, false, &[2, 2, 2], Dtype::F32);
    let layers = block.layers();
    let gpu = limited_gpu(1 << 20);
    gpu.set_page_budget(2 * 512);
    let first = new_key();
    let page = |layer: usize| {
        let page = gpu.page(PageKey { layer, ..first }, &layers[layer], &(0..2)).unwrap();
        assert!(gpu.resident_bytes() <= 2 * 512);
        page
    };
    let (first, second) = (page(0), page(1));
    assert_eq!(page(0), first);
    page(2);
    assert_eq!(page(0), first);
    assert_ne!(page(1), second);
}

/// Two engines on a device have one budget, that of the last; they share the pages too.
#[test]
fn a_device_has_one_budget_whoever_uses_it() {
    let gpu = limited_gpu(1 << 20);
    let trace = reference("multi-image");
    let one = Engine::new(Some(gpu.clone()), Compute::Gpu, 1 << 20).unwrap();
    let other = Engine::new(Some(gpu.clone()), Compute::Gpu, 1 << 20).unwrap();
    let selection = Selection { layer: Pick::Mean, head: Pick::Mean, ..Selection::default() };
    one.gather(&trace, &selection, &|| true).unwrap();
    let resident = gpu.resident_bytes();
    assert!(resident > 0);
    assert_eq!(one.gather(&trace, &selection, &|| true).unwrap(), other.gather(&trace, &selection, &|| true).unwrap());
    assert_eq!(gpu.resident_bytes(), resident);
    let layer_bytes = trace.attention(0, 0).bytes.len() as u64;
    Engine::new(Some(gpu.clone()), Compute::Gpu, 2 * layer_bytes).unwrap();
    one.gather(&trace, &selection, &|| true).unwrap();
    assert!(gpu.resident_bytes() <= 2 * layer_bytes);
}

/// The page is never bound: a request after the refusal would take it for an uploaded one.
#[test]
fn a_page_that_was_refused_is_not_resident() {
    let limits =
        |limits: wgpu::Limits| wgpu::Limits { max_storage_buffer_binding_size: 1024, max_buffer_size: 1024, ..limits };
    let gpu = Gpu::open_limited(&AdapterChoice::Auto, limits).unwrap();
    let block = Block::mixed(16, false, &[2], Dtype::F32);
    for _ in 0..2 {
        let refused = gpu.page(new_key(), &block.layers()[0], &(0..2));
        assert!(refused.unwrap_err().to_string().starts_with("the device refused: "));
        assert_eq!(gpu.resident_bytes(), 0);
    }
    let key = new_key();
    assert_eq!(
        gpu.page(key, &block.layers()[0], &(0..1)).unwrap(),
        gpu.page(key, &block.layers()[0], &(0..1)).unwrap()
    );
}

/// A page goes up in several pieces of 32 MiB, more than may be on their way at once.
#[test]
fn a_large_page_goes_up_piece_by_piece() {
    let elements = (5 << 20) * 8 + 3;
    let bytes: Vec<u8> = (0..2 * elements as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let view = TensorView { dtype: Dtype::F16, shape: vec![1, 1, elements], bytes: &bytes };
    let gpu = gpu();
    let page = gpu.page(new_key(), &view, &(0..1)).unwrap();
    let back: Vec<u8> = read_back(gpu, &page).unwrap();
    assert!(back[..bytes.len()] == bytes && back[bytes.len()..] == [0, 0]);
    gpu.drop_pages();
}

#[test]
fn what_the_device_refuses_is_an_error_and_no_panic() {
    let gpu = gpu();
    let refused = gpu.guarded(|| {
        // Made without COPY_SRC.
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        read_back::<u32>(gpu, &buffer)
    });
    assert!(refused.unwrap_err().to_string().starts_with("the device refused: "));
    assert!(!gpu.is_lost());
    assert_eq!(read_back::<u32>(gpu, &gpu.storage("two", &[1_u32, 2]).unwrap()).unwrap(), [1, 2]);
}
