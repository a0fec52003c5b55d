// One thread per splat in order of depth: an entry for each tile that it touches.
@group(0) @binding(0) var<uniform> camera: Camera;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> boxes: array<vec4u>;
@group(0) @binding(3) var<storage, read> firsts: array<u32>;
@group(0) @binding(4) var<storage, read_write> keys: array<u32>;
@group(0) @binding(5) var<storage, read_write> values: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let k = (group.y * groups.x + group.x) * 256u + lane;
  if (k >= camera.count) { return; }
  let box = boxes[ids[k]];
  var place = firsts[k];
  for (var y = box.y; y < box.w; y++) {
    for (var x = box.x; x < box.z; x++) {
      keys[place] = y * camera.tiles.x + x;
      values[place] = ids[k];
      place++;
    }
  }
}
