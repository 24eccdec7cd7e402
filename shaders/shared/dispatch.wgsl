/// The number of a workgroup in a dispatch that was folded into two dimensions.
fn folded(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.x + group.y * groups.x;
}
