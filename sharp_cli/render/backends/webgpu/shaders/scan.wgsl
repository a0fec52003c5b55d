// Exclusive prefix sums within blocks of 1024 values, in place; each block's total goes to `totals`.
struct Span { count: u32 }

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read_write> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> totals: array<u32>;

var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  let start = block * 1024u + lane * 4u;
  var own: array<u32, 4>;
  var total = 0u;
  for (var j = 0u; j < 4u; j++) {
    own[j] = total;
    if (start + j < span.count) { total += values[start + j]; }
  }
  sums[lane] = total;
  workgroupBarrier();
  for (var step = 1u; step < 256u; step *= 2u) {
    var before = 0u;
    if (lane >= step) { before = sums[lane - step]; }
    workgroupBarrier();
    sums[lane] += before;
    workgroupBarrier();
  }
  let before = sums[lane] - total;
  for (var j = 0u; j < 4u; j++) {
    if (start + j < span.count) { values[start + j] = before + own[j]; }
  }
  if (lane == 255u && block * 1024u < span.count) { totals[block] = sums[255]; }
}
