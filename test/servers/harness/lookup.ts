import { findOnPath, howToProvide, serverBinary, type ServerName } from '../provide.mjs';

export const lookUp = (command: string): string | undefined => findOnPath(command);

export function requireServer(name: ServerName): string {
  const path = serverBinary(name);
  if (path === undefined) throw new Error(`${name} is missing: ${howToProvide(name)}`);
  return path;
}

export function requireCommand(command: string): string {
  const path = lookUp(command);
  if (path === undefined) throw new Error(`${command} is not on PATH`);
  return path;
}
