// Radix sort, first half: how often each of 256 digits occurs in each block of 2048 keys, digit by digit.
struct Pass { count: u32, shift: u32, blocks: u32 }

@group(0) @binding(0) var<uniform> step: Pass;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

var<workgroup> found: array<atomic<u32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  atomicStore(&found[lane], 0u);  // some drivers leave it as the last workgroup did
  workgroupBarrier();
  for (var chunk = 0u; chunk < 8u; chunk++) {
    let i = block * 2048u + chunk * 256u + lane;
    if (i < step.count) { atomicAdd(&found[(keys[i] >> step.shift) & 255u], 1u); }
  }
  workgroupBarrier();
  if (block < step.blocks) { counts[lane * step.blocks + block] = atomicLoad(&found[lane]); }
}
