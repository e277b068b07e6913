import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './command.ts';

export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificates {
  readonly folder: string;
  readonly caFile: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
  readonly expiredServer: KeyPair;
  readonly expiredClient: KeyPair;
  /** Another authority, which signed nothing that the server trusts. */
  readonly wrongCaFile: string;
  readonly wrongCaServer: KeyPair;
  readonly wrongCaClient: KeyPair;
}

export interface CertificateOptions {
  /** The user that etcd takes the client for. */
  readonly clientName?: string;
  readonly serverNames?: readonly string[];
}

interface Authority extends KeyPair {
  readonly configFile: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const LONG_AGO = { from: '20200101000000Z', to: '20200201000000Z' };
const NOW = { from: '20200101000000Z', to: '20491231000000Z' };

// `openssl ca` is the one command that takes both dates in all releases of OpenSSL.
const authorityConfig = (folder: string) => `[ca]
default_ca = own
[own]
database = ${join(folder, 'index.txt')}
rand_serial = yes
new_certs_dir = ${folder}
certificate = ${join(folder, 'ca.crt')}
private_key = ${join(folder, 'ca.key')}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
`;

async function makeAuthority(folder: string, name: string): Promise<Authority> {
  await mkdir(folder, { recursive: true });
  const authority = {
    certFile: join(folder, 'ca.crt'),
    keyFile: join(folder, 'ca.key'),
    configFile: join(folder, 'ca.cnf'),
  };
  await writeFile(join(folder, 'index.txt'), '');
  await writeFile(authority.configFile, authorityConfig(folder));
  const files = ['-keyout', authority.keyFile, '-out', authority.certFile];
  await mustRun('openssl', ['req', '-x509', ...NEW_KEY, ...files, '-days', '3650', '-subj', `/CN=${name}`]);
  return authority;
}

interface Leaf {
  readonly file: string;
  readonly commonName: string;
  readonly alternativeNames: string;
  readonly validity: typeof NOW;
}

async function sign(authority: Authority, folder: string, leaf: Leaf): Promise<KeyPair> {
  const pair = { certFile: join(folder, `${leaf.file}.crt`), keyFile: join(folder, `${leaf.file}.key`) };
  const request = join(folder, `${leaf.file}.csr`);
  const names = ['-addext', `subjectAltName=${leaf.alternativeNames}`];
  // etcd's JSON gateway calls the server with the server's certificate, so each is for both sides.
  const usage = ['-addext', 'extendedKeyUsage=serverAuth,clientAuth'];
  const subject = ['-subj', `/CN=${leaf.commonName}`];
  await mustRun('openssl', [
    'req',
    ...NEW_KEY,
    '-keyout',
    pair.keyFile,
    '-out',
    request,
    ...subject,
    ...names,
    ...usage,
  ]);
  const dates = ['-startdate', leaf.validity.from, '-enddate', leaf.validity.to];
  const files = ['-config', authority.configFile, '-in', request, '-out', pair.certFile];
  await mustRun('openssl', ['ca', '-batch', '-notext', ...dates, ...files]);
  return pair;
}

/** An authority, a second and wrong one, and valid, expired and wrongly signed pairs for 127.0.0.1 and localhost. */
export async function makeCertificates(
  folder: string,
  { clientName = 'autocluster', serverNames = ['localhost'] }: CertificateOptions = {},
): Promise<Certificates> {
  const names = [...serverNames.map((name) => `DNS:${name}`), 'IP:127.0.0.1', 'IP:::1'].join(',');
  const server = { commonName: 'localhost', alternativeNames: names, validity: NOW };
  const client = { commonName: clientName, alternativeNames: 'DNS:client', validity: NOW };
  const right = await makeAuthority(join(folder, 'ca'), 'autocluster test authority');
  const wrong = await makeAuthority(join(folder, 'wrong-ca'), 'another authority');
  // One after the other: an authority keeps its index in a file.
  return {
    folder,
    caFile: right.certFile,
    server: await sign(right, folder, { ...server, file: 'server' }),
    client: await sign(right, folder, { ...client, file: 'client' }),
    expiredServer: await sign(right, folder, { ...server, file: 'expired-server', validity: LONG_AGO }),
    expiredClient: await sign(right, folder, { ...client, file: 'expired-client', validity: LONG_AGO }),
    wrongCaFile: wrong.certFile,
    wrongCaServer: await sign(wrong, folder, { ...server, file: 'wrong-ca-server' }),
    wrongCaClient: await sign(wrong, folder, { ...client, file: 'wrong-ca-client' }),
  };
}
