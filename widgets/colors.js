// One for each of ten classes, on black. Whatever is drawn in them bears its class's name too.
export const COLORS = ["#ff8a80", "#ffd54f", "#4fc3f7", "#aed581", "#ce93d8", "#ffab40", "#4db6ac", "#f48fb1", "#b0bec5", "#dce775"];
