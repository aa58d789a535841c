/** What the demo shows, in the order in which a technician would meet it. */
import type { Stage, StepResult } from './stage.ts';

const customer = 'bau-keller';

function digestOf(result: StepResult): string {
  const digest = /sha256:[0-9a-f]{64}/.exec(result.stdout)?.[0];
  if (digest === undefined) throw new Error('the plan shows no digest');
  return digest;
}

function summaryOf(result: StepResult): string {
  return /^ *(Plan: .*)$/m.exec(result.stdout)?.[1] ?? 'no summary';
}

export async function script(stage: Stage): Promise<void> {
  stage.say('1. What is written is checked: form, references, addresses, firewall rules that could never match.');
  await stage.soll(['validate']);

  stage.say('2. First contact. soll reads every target and shows what differs; what matches already is taken over without a touch.');
  const digests: string[] = [];
  for (const each of [customer, 'kanzlei-vogt', 'praxis-dr-lang']) {
    const plan = await stage.soll(['plan', each, '--lab'], { show: 'none' });
    digests.push(digestOf(plan));
    stage.check(`${each}: ${summaryOf(plan)}`, /\d+ to take over/.test(plan.stdout));
  }

  stage.say('3. Nothing is written without an approval of exactly this plan.');
  await stage.soll(['apply', customer, '--lab'], { expect: 4 });

  stage.say('4. The digests are approved. Firewalls are written all at once, with a dead-man\'s switch on the device; the tenants object by object. Each is then read anew.');
  const first = await stage.soll(['apply', '--lab', ...digests.flatMap((digest) => ['--approve', digest])], { show: 'last' });
  stage.check('all eight targets converged', (first.stdout.match(/converged/g) ?? []).length >= 8);
  await stage.soll(['plan', '--lab', '--detailed-exitcode']);
  stage.check('the second plan is empty', true);

  stage.say('5. A change, as it would stand in a pull request: one more address may reach the calculation server, a second workplace the phones; a trainee moves on.');
  await stage.edit(`customers/${customer}/firewall.yaml`, '        sources: [group:site-emmendingen]\n        log: true', '        sources: [group:site-emmendingen, 203.0.113.40]\n        log: true');
  await stage.edit(`customers/${customer}/firewall.yaml`, '          - name: phone-web\n            action: accept\n            sources: [192.168.10.5]', '          - name: phone-web\n            action: accept\n            sources: [192.168.10.5, 192.168.10.6]');
  await stage.edit(`customers/${customer}/m365.yaml`, '        jobTitle: Auszubildende\n', '        jobTitle: Kauffrau für Büromanagement\n');
  await stage.edit(`customers/${customer}/m365.yaml`, '          - jonas.brandt@bau-keller.example\n          - anna.schmidt@bau-keller.example\n', '          - jonas.brandt@bau-keller.example\n          - nina.krause@bau-keller.example\n          - anna.schmidt@bau-keller.example\n');
  await stage.commit('Ticket 4711: Nina Krause moves to calculation; second admin workplace');
  const change = await stage.soll(['plan', customer, '--lab']);
  stage.check('the plan holds exactly what was edited', /0 to create, 4 to update, 0 to delete/.test(change.stdout));
  await stage.soll(['apply', customer, '--lab', '--approve', digestOf(change)]);
  await stage.soll(['plan', customer, '--lab', '--detailed-exitcode']);
  stage.check('the second plan is empty', true);

  stage.say('6. Somebody opens RDP on the firewall and blocks a user in the admin centre, by hand, past Git.');
  await stage.soll(['lab', 'edit', `${customer}/fw-freiburg`, 'open-rdp']);
  await stage.soll(['lab', 'edit', `${customer}/m365`, 'block-user']);
  const drift = await stage.soll(['drift', customer, '--lab', '--detailed-exitcode'], { expect: 2 });
  stage.check('the drift is found on both', drift.stdout.includes('fw-freiburg') && drift.stdout.includes('m365'));
  const back = await stage.soll(['plan', customer, '--lab'], { show: 'none' });
  await stage.soll(['apply', customer, '--lab', '--approve', digestOf(back)], { show: 'last' });
  await stage.soll(['drift', customer, '--lab', '--detailed-exitcode']);
  stage.check('what was written is there again', true);

  stage.say('7. A VLAN for the till, written once: the switch gets it first, then the port that needs it. Its rollback timer runs until a new connection has shown that all is well.');
  await stage.edit(`customers/${customer}/network.yaml`, '      guest:\n        id: 40\n', '      till:\n        id: 60\n        subnet: 192.168.60.0/24\n        gateway: 192.168.60.1\n        description: Kasse\n      guest:\n        id: 40\n');
  await stage.edit(`customers/${customer}/network.yaml`, '        description: Telefon Empfang\n', '        description: Telefon Empfang\n      GigabitEthernet1/0/4:\n        mode: access\n        vlan: till\n        role: edge\n        description: Kasse\n');
  await stage.commit('Ticket 4720: a till in Freiburg');
  const till = await stage.soll(['plan', customer, '--lab']);
  await stage.soll(['apply', customer, '--lab', '--approve', digestOf(till)]);
  await stage.soll(['plan', customer, '--lab', '--detailed-exitcode']);
  stage.check('VLAN and port are there, the second plan is empty', true);

  stage.say('8. Somebody would shut down the port that the switch itself is reached by: that is refused, whoever approves it.');
  await stage.edit(`customers/${customer}/network.yaml`, '        role: uplink\n        description: Firewall\n', '        role: uplink\n        enabled: false\n        description: Firewall\n');
  await stage.commit('Ticket 4721: save power');
  const cut = await stage.soll(['plan', customer, '--lab'], { expect: 5 });
  stage.check('the way that would be cut is named', /lock-out/.test(cut.stderr + cut.stdout));
  await stage.edit(`customers/${customer}/network.yaml`, '        enabled: false\n', '');
  await stage.commit('Ticket 4721: taken back');

  stage.say('9. The change log is Git itself: who, what, approved by whom, with what result, in a chain that nobody can rewrite unseen.');
  const log = await stage.soll(['log', customer, '--lab']);
  stage.check('all four runs are recorded, with their reasons', (log.stdout.match(/^ *20\d\d-/gm) ?? []).length === 4 && log.stdout.includes('Ticket 4711'));
  await stage.soll(['audit', 'verify', customer, '--lab']);
}
