// Shared by the shaders that see the camera; put in front of them when they are compiled.
const TILE = 16u;
const LOG2_FAINTEST = -7.99435343685886;  // log2(1 / 255)

struct Camera {
  // rows of the rotation from world to camera, each with its part of the translation
  row_x: vec4f,
  row_y: vec4f,
  row_z: vec4f,
  focal: vec2f,
  center: vec2f,
  // bounds of x/z and y/z in the projection's derivative
  low: vec2f,
  high: vec2f,
  size: vec2u,
  tiles: vec2u,
  eps2d: f32,
  near: f32,
  far: f32,
  count: u32,
}
