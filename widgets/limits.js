// What is shown of a latent variable, in several places.
export const LIMIT = 4, STEP = 0.05;
// A dimension that tells less than 0.1 nats, a seventh of a bit, about an image hardly changes a picture
export const ACTIVE_KL = 0.1;
