export const placeholder = 'local';
