// One thread per Gaussian: its ellipse in the image, its depth as a sort key, and the tiles that it touches.
//
// The covariance comes as its Cholesky factor L. With M = J W L (2 × 3), the determinant of M Mᵀ is the squared length
// of the cross product of M's rows: unlike xx yy − xy², it loses no precision on thin splats in 32 bits.
const HALF_LOG2E = 0.72134752;
const MODERATE = 1e15;

@group(0) @binding(0) var<uniform> camera: Camera;
@group(0) @binding(1) var<storage, read> means: array<vec4f>;  // mean, opacity; 0 for broken Gaussians
@group(0) @binding(2) var<storage, read> factors: array<f32>;  // 6 each: L row by row
@group(0) @binding(3) var<storage, read_write> splats: array<vec4f>;  // 2 each: x, y, ux, uy; vy, peak, depth, 0
@group(0) @binding(4) var<storage, read_write> boxes: array<vec4u>;  // tiles: first x, first y, end x, end y
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;
@group(0) @binding(6) var<storage, read_write> ids: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= camera.count) { return; }
  ids[i] = i;
  keys[i] = 0xffffffffu;
  boxes[i] = vec4u(0u);

  let mean = vec4f(means[i].xyz, 1.0);
  let opacity = means[i].w;
  let point = vec3f(dot(camera.row_x, mean), dot(camera.row_y, mean), dot(camera.row_z, mean));
  let z = point.z;
  if (!(z >= camera.near && z <= camera.far && opacity >= 1.0 / 255.0)) { return; }

  let slope = clamp(point.xy / z, camera.low, camera.high);
  let axis_x = camera.focal.x / z * (camera.row_x.xyz - slope.x * camera.row_z.xyz);
  let axis_y = camera.focal.y / z * (camera.row_y.xyz - slope.y * camera.row_z.xyz);
  let f = 6u * i;
  let first = vec3f(factors[f], factors[f + 1u], factors[f + 3u]);
  let second = vec2f(factors[f + 2u], factors[f + 4u]);
  let third = factors[f + 5u];
  var m_x = vec3f(dot(axis_x, first), dot(axis_x.yz, second), axis_x.z * third);
  var m_y = vec3f(dot(axis_y, first), dot(axis_y.yz, second), axis_y.z * third);

  // scaled, so that squares neither overflow nor vanish
  let scale = max(max(max(abs(m_x.x), abs(m_x.y)), abs(m_x.z)), max(max(max(abs(m_y.x), abs(m_y.y)), abs(m_y.z)), 1e-12));
  if (!(scale < MODERATE)) { return; }
  m_x /= scale;
  m_y /= scale;
  let blur = camera.eps2d / scale / scale;
  let normal = cross(m_x, m_y);
  let plain_xx = dot(m_x, m_x);
  let plain_yy = dot(m_y, m_y);
  let xx = plain_xx + blur;
  let xy = dot(m_x, m_y);
  let yy = plain_yy + blur;
  let det = dot(normal, normal) + blur * (plain_xx + plain_yy + blur);
  if (!(det > 0.0 && yy > 0.0)) { return; }

  let center = camera.focal * point.xy / z + camera.center;
  let reach = 2.0 * log(opacity * 255.0);
  let extent = vec2f(sqrt(reach * xx), sqrt(reach * yy)) * scale;
  let size = vec2f(camera.size);
  let first_pixel = ceil(clamp(center - extent - 0.5, vec2f(0.0), size));
  let last_pixel = floor(clamp(center + extent - 0.5, vec2f(-1.0), size - 1.0));
  if (any(first_pixel > last_pixel)) { return; }
  let ux = sqrt(HALF_LOG2E * yy / det) / scale;
  let uy = -xy * sqrt(HALF_LOG2E / (det * yy)) / scale;
  let vy = sqrt(HALF_LOG2E / yy) / scale;
  if (!(abs(center.x) + abs(center.y) + ux + abs(uy) + vy + z < MODERATE)) { return; }

  splats[2u * i] = vec4f(center, ux, uy);
  splats[2u * i + 1u] = vec4f(vy, log2(opacity), z, 0.0);
  boxes[i] = vec4u(vec2u(first_pixel) / TILE, vec2u(last_pixel) / TILE + 1u);
  keys[i] = bitcast<u32>(z);  // positive floats sort like their bits
}
