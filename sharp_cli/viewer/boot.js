// Starts the viewer with the splat that the page names or holds. This text is appended to the viewer's module.
const scene = JSON.parse(document.getElementById('scene').textContent);
const bare = new URLSearchParams(location.search).has('noui'); // for embedding, and for screenshots
if (bare) document.querySelector('.note')?.remove();

const decode = (base64) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
};

// A page opened from disk may not fetch the files beside it, so it holds the splat itself, in parts:
// one string could not hold a large splat, and each part is freed once it is read.
const heldHere = () => {
    const parts = [...document.querySelectorAll('script.splat')];
    const stream = new ReadableStream({
        pull(controller) {
            const part = parts.shift();
            if (!part) {
                controller.close();
                return;
            }
            controller.enqueue(decode(part.textContent));
            part.remove();
        }
    });
    return new Response(stream, { headers: { 'content-length': scene.bytes } });
};

// The viewer's field of view applies to the longer side of the window; ours shows the whole photo in any window.
const fitPhoto = ({ app }, photo) => {
    const { camera } = app.root.findByName('camera');
    app.on('update', () => {
        if (app.xr?.active) return;
        const { width, height } = app.graphicsDevice;
        const wide = width * photo.height > height * photo.width;
        camera.horizontalFov = !wide;
        camera.fov = wide ? photo.vertical_fov : photo.horizontal_fov;
    });
};

// The viewer's list of keys would cover a part of the photo. Its button opens it, and the viewer remembers that.
try {
    localStorage.controlsPanelOpen ??= 'false';
} catch {
    // Storage is blocked: the list shows.
}

// The viewer turns every splat as if its y pointed down. This text shares its module, and so its classes.
if (scene.turn) {
    const turn = Entity.prototype.setLocalEulerAngles;
    const upright = new Quat().setFromMat4(new Mat4().set(scene.turn));
    Entity.prototype.setLocalEulerAngles = function (...angles) {
        if (this.name === 'gsplat') this.setLocalRotation(upright);
        else turn.apply(this, angles);
    };
}

try {
    const viewer = await createViewer({
        container: document.body,
        settings: scene.settings,
        contentUrl: scene.name,
        contents: scene.inline ? Promise.resolve(heldHere()) : fetch(scene.name),
        noanim: true,
        renderer: 'webgl', // runs in every browser and enters VR as it is; WebGPU does not
        ui: !bare
    });
    if (scene.photo) fitPhoto(viewer, scene.photo);
    viewer.events.on('loaded:changed', () => {
        viewer.state.cameraMode = 'orbit';
    });
} catch (error) {
    document.body.textContent = `This browser cannot show the splat: ${error.message ?? error}`;
    throw error;
}
