// One thread per splat in order of depth: how many tiles it touches.
struct Span { count: u32 }

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> boxes: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;  // one more than splats; the last is 0

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let k = (group.y * groups.x + group.x) * 256u + lane;
  if (k > span.count) { return; }
  if (k == span.count) {
    counts[k] = 0u;
    return;
  }
  let box = boxes[ids[k]];
  counts[k] = (box.z - box.x) * (box.w - box.y);
}
