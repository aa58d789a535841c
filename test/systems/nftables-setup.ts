/** What the tests against real firewalls share. */
import { expect } from 'vitest';
import type { JsonObject, Provider } from '#contract';
import { makeClientKey } from '#testkit/ssh-server';
import type { ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { secrets } from '../../providers/nftables/simulator/conformance.ts';
import { simulator } from '../../providers/nftables/simulator.ts';
import { loadProvider } from '../../src/providers.ts';
import { makeEngine, type Engine } from '../harness/engine.ts';
import { requirements, startDevice, type Device } from './device.ts';

/** Why nothing can run here; told once per file. */
export const why = requirements();
export const required = process.env['SOLL_REQUIRE_SYSTEMS'] === '1';
if (why !== undefined) process.stdout.write(`real nftables tests ${required ? 'are required and cannot run' : 'skipped'}: ${why}\n`);

export const read = makeClientKey();
export const write = makeClientKey();

export interface Setup {
  readonly device: Device;
  readonly engine: Engine;
  readonly provider: Provider;
  readonly running: RunningSimulator;
}

/** What the harness needs to know of a stand-in, told of a real device. */
export function asRunning(device: Device, more: { readonly settings?: JsonObject; readonly address?: string } = {}): RunningSimulator {
  return {
    host: device.host, port: device.port, address: device.host, identity: [`ssh:${device.hostKeyPin}`], credentials: { read: read.privateKey, write: write.privateKey },
    secrets, snapshot: () => ({}), writes: () => [], edits: {}, faults: { clear: () => undefined }, reboot: () => device.reboot(), stop: () => device.stop(), ...more,
  };
}

export async function setUp(): Promise<Setup> {
  const device = await startDevice({ authorizedKeys: [read.publicKey, write.publicKey] });
  const { provider } = await loadProvider('nftables');
  const running = asRunning(device);
  return { device, provider, running, engine: makeEngine(provider, running, simulator.conformance) };
}

export const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
export const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
export const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
export const policy = (from: string, to: string, order: readonly string[], more: object = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
export const rule = (from: string, to: string, name: string, more: object = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });

export const base = [zone('wan', 'eth0'), zone('lan', 'eth1'), service('ssh', 'tcp/22'), service('web', 'tcp/8080'), service('ping', 'icmp')];
export const management = [policy('wan', 'self', ['ssh', 'ping']), rule('wan', 'self', 'ssh', { services: ['ssh'], log: true, comment: 'Verwaltung Büro' }), rule('wan', 'self', 'ping', { services: ['ping'] })];
export const internet: ConformanceResource = { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan' } };
export const usual = [...base, ...management, policy('lan', 'wan', ['web']), rule('lan', 'wan', 'web', { services: ['web'] }), internet];
/** One more thing than usual, harmless and easy to see. */
export const changed = [...usual, service('late', 'tcp/1234')];

export async function converge(engine: Engine, resources: readonly ConformanceResource[]): Promise<void> {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(plan.targets.map(({ status, why: reason }) => reason ?? status)).toEqual(['ready']);
  const results = await engine.apply(plan);
  expect(results.map(({ verdict, why: reason }) => reason ?? verdict)).toEqual(results.map(() => 'converged'));
  expect((await engine.plan(resources)).leaves).toEqual([]);
}

export async function table(device: Device): Promise<string> {
  return (await device.exec('nft', '-s', 'list', 'table', 'inet', 'soll')).stdout;
}
