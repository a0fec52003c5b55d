// Radix sort, second half: moves keys and values to their places. Equal digits keep their order: each of 256 threads
// sets its bit in its digit's mask, and counts the bits before its own.
struct Pass { count: u32, shift: u32, blocks: u32 }

@group(0) @binding(0) var<uniform> step: Pass;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read> keys: array<u32>;
@group(0) @binding(3) var<storage, read> values: array<u32>;
@group(0) @binding(4) var<storage, read_write> keys_out: array<u32>;
@group(0) @binding(5) var<storage, read_write> values_out: array<u32>;

var<workgroup> masks: array<atomic<u32>, 2048>;  // 8 words per digit
var<workgroup> next: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  if (block < step.blocks) { next[lane] = places[lane * step.blocks + block]; }
  for (var chunk = 0u; chunk < 8u; chunk++) {
    for (var word = 0u; word < 8u; word++) { atomicStore(&masks[word * 256u + lane], 0u); }
    workgroupBarrier();
    let i = block * 2048u + chunk * 256u + lane;
    let used = i < step.count;
    var key = 0u;
    var digit = 0u;
    if (used) {
      key = keys[i];
      digit = (key >> step.shift) & 255u;
      atomicOr(&masks[digit * 8u + lane / 32u], 1u << (lane % 32u));
    }
    workgroupBarrier();
    var before = 0u;
    var all = 0u;
    var place = 0u;
    if (used) {
      for (var word = 0u; word < 8u; word++) {
        let mask = atomicLoad(&masks[digit * 8u + word]);
        all += countOneBits(mask);
        if (word < lane / 32u) { before += countOneBits(mask); }
        if (word == lane / 32u) { before += countOneBits(mask & ((1u << (lane % 32u)) - 1u)); }
      }
      place = next[digit] + before;
    }
    workgroupBarrier();
    if (used) {
      keys_out[place] = key;
      values_out[place] = values[i];
      if (before + 1u == all) { next[digit] = place + 1u; }
    }
    workgroupBarrier();
  }
}
