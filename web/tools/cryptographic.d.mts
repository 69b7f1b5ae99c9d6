export function cryptographic(name: string): boolean;
