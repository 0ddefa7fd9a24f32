"use strict";
// What is done to a picture before the model sees it, as keraslight.pictures.Preprocessing does it.
// Resizing follows Pillow: a filter as wide as the pixels it covers, weights of 22 bits, rows first,
// bytes in between. The pixels are equal.

(function () {
  const PRECISION = 2 ** 22;

  function sinc(x) {
    return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }

  // each filter: how far it reaches, and its weight at a distance
  const FILTERS = {
    box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
    bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
    bicubic: [2, (x) => {
      const a = -0.5, d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    }],
    lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
  };

  // Returns for each output pixel the first input pixel and the whole-number weights from there on.
  function weightsOf(size, wanted, [reach, filter]) {
    const scale = size / wanted, stretch = Math.max(scale, 1), support = reach * stretch;
    return Array.from({length: wanted}, (_, place) => {
      const centre = (place + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - support + 0.5));
      const end = Math.min(size, Math.trunc(centre + support + 0.5));
      const raw = [];
      for (let x = first; x < end; x++) raw.push(filter((x - centre + 0.5) * (1 / stretch)));
      const sum = raw.reduce((total, weight) => total + weight, 0);
      const weights = raw.map((weight) => {
        const share = (sum === 0 ? weight : weight / sum) * PRECISION;
        return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
      });
      return {first, weights};
    });
  }

  // Returns a picture resized along one axis. `step` bytes lie between neighbours on it.
  function resizedAlong(picture, axis, wanted, filter) {
    const {width, height, channels, bytes} = picture;
    const horizontal = axis === "width";
    const result = {...picture, [axis]: wanted};
    result.bytes = new Uint8ClampedArray(result.width * result.height * channels);
    const step = horizontal ? channels : width * channels;
    const across = horizontal ? width * channels : channels;
    const acrossResult = horizontal ? wanted * channels : channels;
    const lines = horizontal ? height : width;
    weightsOf(picture[axis], wanted, filter).forEach(({first, weights}, place) => {
      for (let line = 0; line < lines; line++) {
        for (let channel = 0; channel < channels; channel++) {
          let sum = PRECISION / 2, from = line * across + first * step + channel;
          for (const weight of weights) {
            sum += weight * bytes[from];
            from += step;
          }
          result.bytes[line * acrossResult + place * step + channel] = Math.floor(sum / PRECISION);
        }
      }
    });
    return result;
  }

  function nearest(picture, height, width) {
    const {channels, bytes} = picture;
    const places = (size, wanted) => {
      const found = [];
      for (let i = 0, x = size / wanted * 0.5; i < wanted; i++, x += size / wanted) {
        found.push(Math.min(size - 1, Math.floor(x)));
      }
      return found;
    };
    const rows = places(picture.height, height), columns = places(picture.width, width);
    const result = new Uint8ClampedArray(height * width * channels);
    let to = 0;
    for (const row of rows) {
      for (const column of columns) {
        const from = (row * picture.width + column) * channels;
        for (let channel = 0; channel < channels; channel++) result[to++] = bytes[from + channel];
      }
    }
    return {height, width, channels, bytes: result};
  }

  function resized(picture, height, width, interpolation) {
    if (picture.height === height && picture.width === width) return picture;
    if (interpolation === "nearest") return nearest(picture, height, width);
    const filter = FILTERS[interpolation];
    if (picture.width !== width) picture = resizedAlong(picture, "width", width, filter);
    return picture.height === height ? picture : resizedAlong(picture, "height", height, filter);
  }

  function roundHalfToEven(value) {
    const below = Math.floor(value), rest = value - below;
    return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
  }

  // Returns the middle of a picture, black where it is smaller.
  function centre(picture, height, width) {
    const {channels, bytes} = picture;
    const top = roundHalfToEven((picture.height - height) / 2);
    const left = roundHalfToEven((picture.width - width) / 2);
    const result = new Uint8ClampedArray(height * width * channels);
    for (let y = Math.max(0, -top); y < Math.min(height, picture.height - top); y++) {
      const begin = Math.max(0, -left), end = Math.min(width, picture.width - left);
      const from = ((y + top) * picture.width + begin + left) * channels;
      result.set(bytes.subarray(from, from + (end - begin) * channels),
        (y * width + begin) * channels);
    }
    return {height, width, channels, bytes: result};
  }

  // Returns RGBA pixels as a picture of one channel or three.
  function fromPixels(rgba, height, width, channels) {
    const bytes = new Uint8ClampedArray(height * width * channels);
    for (let i = 0, to = 0; i < rgba.length; i += 4) {
      const [r, g, b] = [rgba[i], rgba[i + 1], rgba[i + 2]];
      if (channels === 1) {
        // ITU-R 601-2 in 16 bits
        bytes[to++] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
      } else {
        bytes[to++] = r;
        bytes[to++] = g;
        bytes[to++] = b;
      }
    }
    return {height, width, channels, bytes};
  }

  // Returns a picture of the size that the model takes.
  function fitted(picture, settings) {
    const {height, width, resize, crop, cropIsShare, interpolation} = settings;
    if (cropIsShare) {
      const sides = [picture.height, picture.width].map(
        (side) => Math.max(1, roundHalfToEven(crop * side)));
      return resized(centre(picture, ...sides), height, width, interpolation);
    }
    let size = resize;
    if (!Array.isArray(resize)) {
      const shorter = Math.min(picture.height, picture.width);
      size = [picture.height, picture.width].map((side) => Math.floor(resize * side / shorter));
    }
    picture = resized(picture, ...size, interpolation);
    picture = centre(picture, ...(crop ? [crop, crop] : [height, width]));
    return resized(picture, height, width, interpolation);
  }

  // Returns pixels as the input of the model takes them: the bytes of floats or of integers.
  function quantized(picture, settings, input) {
    const {mean, std} = settings, channels = picture.channels;
    const floats = Float32Array.from(picture.bytes, (pixel, i) => {
      const of = (values) => Math.fround(values[values.length === 1 ? 0 : i % channels]);
      return Math.fround(Math.fround(pixel - of(mean)) / of(std));
    });
    if (input.type === "float32") return new Uint8Array(floats.buffer);
    const [low, high, Integers] = input.type === "int8"
      ? [-128, 127, Int8Array] : [0, 255, Uint8Array];
    const scale = Math.fround(input.scale);
    const integers = Integers.from(floats, (value) => {
      const steps = Math.floor(Math.fround(Math.fround(value / scale) + 0.5));
      return Math.min(high, Math.max(low, steps + input.zero_point));
    });
    return new Uint8Array(integers.buffer);
  }

  const made = {fromPixels, fitted, quantized, resized};
  if (typeof module === "undefined") self.keraslightPicture = made;
  else module.exports = made;
})();
