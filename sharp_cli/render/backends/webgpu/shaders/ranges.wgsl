// Where each tile's entries begin and end among the sorted ones; tiles without entries keep 0, 0.
struct Span { count: u32 }

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> ranges: array<vec2u>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= span.count) { return; }
  let tile = keys[i];
  if (i == 0u || keys[i - 1u] != tile) { ranges[tile].x = i; }
  if (i + 1u == span.count || keys[i + 1u] != tile) { ranges[tile].y = i + 1u; }
}
