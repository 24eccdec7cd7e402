//! The renderer's shaders are valid and read what the passes bind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess, TypeInner};
use vlscope::render::{Shader, shaders};
use wgpu::{BindingType, BufferBindingType};

fn check(shader: &Shader) {
    let name = shader.name;
    let module = naga::front::wgsl::parse_str(&shader.wgsl)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&shader.wgsl)));
    Validator::new(ValidationFlags::all(), Capabilities::default())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&shader.wgsl)));
    let bound: Vec<_> =
        module.global_variables.iter().filter_map(|(_, global)| Some((global.binding?, global))).collect();
    assert_eq!(bound.len(), shader.bindings.len(), "{name}: number of bindings");
    for (at, global) in bound {
        assert_eq!(at.group, 0, "{name}");
        let entry = shader.bindings.iter().find(|entry| entry.binding == at.binding);
        let entry = entry.unwrap_or_else(|| panic!("{name}: nothing is bound at {}", at.binding));
        let inner = &module.types[global.ty].inner;
        let writes = |access: StorageAccess| access.contains(StorageAccess::STORE);
        match (entry.ty, global.space, inner) {
            (
                BindingType::Buffer { ty: BufferBindingType::Uniform, min_binding_size, .. },
                AddressSpace::Uniform,
                _,
            ) => {
                let span = u64::from(inner.size(module.to_ctx()));
                assert_eq!(min_binding_size.map(u64::from), Some(span), "{name}: size of uniform {}", at.binding);
            }
            (
                BindingType::Buffer { ty: BufferBindingType::Storage { read_only }, .. },
                AddressSpace::Storage { access },
                _,
            ) => assert_eq!(read_only, !writes(access), "{name}: access of {}", at.binding),
            (BindingType::Texture { .. }, AddressSpace::Handle, TypeInner::Image { class, .. }) => {
                assert!(matches!(class, naga::ImageClass::Sampled { .. }), "{name}: texture {}", at.binding);
            }
            (BindingType::StorageTexture { .. }, AddressSpace::Handle, TypeInner::Image { class, .. }) => {
                assert!(matches!(class, naga::ImageClass::Storage { .. }), "{name}: texture {}", at.binding);
            }
            (BindingType::Sampler(_), AddressSpace::Handle, TypeInner::Sampler { .. }) => {}
            (ty, space, _) => panic!("{name}: binding {} is {ty:?} here and {space:?} in the shader", at.binding),
        }
    }
}

#[test]
fn bindings_are_those_of_the_shaders() {
    let shaders = shaders();
    assert_eq!(shaders.len(), 6);
    shaders.iter().for_each(check);
}
