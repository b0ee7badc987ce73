// A stream made in the page: a canvas encoded as H.264, cut into segments of a second, as HLS with fragmented MP4.
// Nothing in it is anybody's, and every second of it looks different.

const WIDTH = 160, HEIGHT = 90, RATE = 25;
const TIMESCALE = 1000, FRAME = TIMESCALE / RATE;

/** The files of a stream of so many seconds by their names, or null where the browser encodes no H.264. */
export async function sampleStream(seconds) {
  const config = {
    codec: "avc1.42001f", width: WIDTH, height: HEIGHT, framerate: RATE, bitrate: 200_000, avc: { format: "avc" },
  };
  if (!globalThis.VideoEncoder || !(await VideoEncoder.isConfigSupported(config)).supported) return null;
  const { description, frames } = await encoded(config, seconds * RATE);
  const files = new Map([["low/init.mp4", initialization(description)]]);
  for (let second = 0; second < seconds; second += 1) {
    files.set(`low/${second}.m4s`, segment(second, frames.slice(second * RATE, (second + 1) * RATE)));
  }
  const profile = [...description.slice(1, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const segments = Array.from({ length: seconds }, (_, second) => `#EXTINF:1.0,\n${second}.m4s\n`).join("");
  const texts = {
    "low/video.m3u8": "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n" +
      `#EXT-X-MAP:URI="init.mp4"\n${segments}#EXT-X-ENDLIST\n`,
    "master.m3u8": "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
      `#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS="avc1.${profile}",RESOLUTION=${WIDTH}x${HEIGHT}\nlow/video.m3u8\n`,
    "en.vtt": `WEBVTT\n\n00:00.000 --> 00:0${seconds}.000\nA square moves\n`,
  };
  for (const [name, text] of Object.entries(texts)) files.set(name, new TextEncoder().encode(text));
  return files;
}

async function encoded(config, count) {
  const frames = [];
  let description = null, failure = null;
  const encoder = new VideoEncoder({
    output: (chunk, metadata) => {
      if (metadata?.decoderConfig) description = new Uint8Array(metadata.decoderConfig.description);
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      frames.push({ data, key: chunk.type === "key" });
    },
    error: (error) => { failure = error; },
  });
  encoder.configure(config);
  const context = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT }).getContext("2d");
  for (let index = 0; index < count; index += 1) {
    context.fillStyle = `hsl(${(index * 360) / count} 60% 40%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = "white";
    context.fillRect((index * 3) % (WIDTH - 20), 35, 20, 20);
    const frame = new VideoFrame(context.canvas, { timestamp: (index * 1_000_000) / RATE });
    encoder.encode(frame, { keyFrame: index % RATE === 0 });
    frame.close();
  }
  await encoder.flush();
  if (failure) throw failure;
  return { description, frames };
}

// ---- boxes of ISO 14496-12 ----

const bytes = (...parts) => {
  const arrays = parts.map((part) => (typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part)));
  const joined = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
  arrays.reduce((offset, array) => (joined.set(array, offset), offset + array.length), 0);
  return joined;
};
const u16 = (...values) => values.flatMap((value) => [value >> 8, value & 255]);
const u32 = (...values) => values.flatMap((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
const zeros = (count) => new Uint8Array(count);
const box = (type, ...parts) => {
  const body = bytes(...parts);
  return bytes(u32(body.length + 8), type, body);
};
const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

function initialization(description) {
  const entry = box(
    "avc1", zeros(6), u16(1), zeros(16), u16(WIDTH, HEIGHT), u32(0x480000, 0x480000), zeros(4), u16(1), zeros(32),
    u16(24, 0xffff), box("avcC", description),
  );
  const tables = box(
    "stbl", box("stsd", u32(0, 1), entry), box("stts", zeros(8)), box("stsc", zeros(8)), box("stsz", zeros(12)),
    box("stco", zeros(8)),
  );
  const data = box("dinf", box("dref", u32(0, 1), box("url ", u32(1))));
  const media = box(
    "mdia",
    box("mdhd", u32(0, 0, 0, TIMESCALE, 0), u16(0x55c4, 0)),
    box("hdlr", u32(0, 0), "vide", zeros(12), "video\0"),
    box("minf", box("vmhd", u32(1), zeros(8)), data, tables),
  );
  const track = box(
    "trak",
    box("tkhd", u32(3, 0, 0, 1, 0, 0), zeros(16), MATRIX, u32(WIDTH << 16, HEIGHT << 16)),
    media,
  );
  const movie = box(
    "moov",
    box("mvhd", u32(0, 0, 0, TIMESCALE, 0, 0x10000), u16(0x100, 0), zeros(8), MATRIX, zeros(24), u32(2)),
    track,
    box("mvex", box("trex", u32(0, 1, 1, FRAME, 0, 0))),
  );
  return bytes(box("ftyp", "iso6", u32(0), "iso6mp41"), movie);
}

function segment(number, frames) {
  const samples = frames.flatMap(({ data, key }) => u32(data.length, key ? 0x02000000 : 0x01010000));
  // The offset of the first frame counts from the beginning of `moof`, whose length does not depend on it.
  const fragment = (offset) => box(
    "moof",
    box("mfhd", u32(0, number + 1)),
    box(
      "traf",
      box("tfhd", u32(0x020000, 1)),
      box("tfdt", u32(0, number * TIMESCALE)),
      box("trun", u32(0x000601, frames.length, offset), samples),
    ),
  );
  return bytes(fragment(fragment(0).length + 8), box("mdat", ...frames.map(({ data }) => data)));
}
