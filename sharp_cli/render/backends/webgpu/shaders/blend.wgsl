// One workgroup per tile, one thread per pixel: blend front to back (docs/network.md §10).
const MOST_OPAQUE = 0.999;
const STOP_AT = 1e-4;

@group(0) @binding(0) var<uniform> camera: Camera;
@group(0) @binding(1) var<storage, read> splats: array<vec4f>;
@group(0) @binding(2) var<storage, read> colors: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<u32>;
@group(0) @binding(4) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> image: array<vec4f>;  // Σ w · color, remaining transmittance
@group(0) @binding(6) var<storage, read_write> depths: array<f32>;  // Σ w · z

var<workgroup> shapes: array<vec4f, 256>;
var<workgroup> rest: array<vec4f, 256>;
var<workgroup> paints: array<vec3f, 256>;
var<workgroup> unfinished: u32;  // 1 while a pixel is

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) tile: vec3u, @builtin(local_invocation_id) local: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let pixel = tile.xy * TILE + local.xy;
  let at = vec2f(pixel) + 0.5;
  let inside = all(pixel < camera.size);
  let range = ranges[tile.y * camera.tiles.x + tile.x];
  var color = vec3f(0.0);
  var depth = 0.0;
  var remaining = 1.0;
  var finished = !inside;
  for (var start = range.x; start < range.y; start += 256u) {
    if (lane == 0u) { unfinished = 0u; }
    workgroupBarrier();
    if (!finished) { unfinished = 1u; }
    if (start + lane < range.y) {
      let i = values[start + lane];
      shapes[lane] = splats[2u * i];
      rest[lane] = splats[2u * i + 1u];
      paints[lane] = vec3f(colors[3u * i], colors[3u * i + 1u], colors[3u * i + 2u]);
    }
    workgroupBarrier();
    let alive = workgroupUniformLoad(&unfinished);
    if (alive == 0u) { break; }
    let count = min(256u, range.y - start);
    for (var j = 0u; j < count && !finished; j++) {
      let shape = shapes[j];
      let offset = at - shape.xy;
      let u = shape.z * offset.x + shape.w * offset.y;
      let v = rest[j].x * offset.y;
      let exponent = rest[j].y - u * u - v * v;
      if (exponent >= LOG2_FAINTEST) {
        let alpha = min(exp2(exponent), MOST_OPAQUE);
        let after = remaining - alpha * remaining;
        if (after > STOP_AT) {
          let weight = alpha * remaining;
          color += weight * paints[j];
          depth += weight * rest[j].z;
          remaining = after;
        } else {
          finished = true;
        }
      }
    }
    workgroupBarrier();
  }
  if (inside) {
    let place = pixel.y * camera.size.x + pixel.x;
    image[place] = vec4f(color, remaining);
    depths[place] = depth;
  }
}
