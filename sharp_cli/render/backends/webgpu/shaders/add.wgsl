// Adds to each value the sum of the blocks of 1024 before its own: the second half of a scan.
struct Span { count: u32 }

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read_write> values: array<u32>;
@group(0) @binding(2) var<storage, read> totals: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < span.count) { values[i] += totals[i / 1024u]; }
}
