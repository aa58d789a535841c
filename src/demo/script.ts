/** What the demo shows, in the order in which a technician would meet it. */
import type { Stage, StepResult } from './stage.ts';

const customer = 'bau-keller';
const office = 'kanzlei-vogt';

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
  for (const each of [customer, office, 'praxis-dr-lang']) {
    const plan = await stage.soll(['plan', each, '--lab'], { show: 'none' });
    digests.push(digestOf(plan));
    stage.check(`${each}: ${summaryOf(plan)}`, /\d+ to take over/.test(plan.stdout));
  }

  stage.say('3. Nothing is written without an approval of exactly this plan.');
  await stage.soll(['apply', customer, '--lab'], { expect: 4 });

  stage.say('4. The digests are approved. Firewalls, switches and access points are written all at once, with a dead-man\'s switch on the device; the tenants and the UniFi console object by object. Of the console nothing takes a change back, so that is accepted by name. Each is then read anew.');
  const first = await stage.soll(['apply', '--lab', '--allow-unguarded', ...digests.flatMap((digest) => ['--approve', digest])], { show: 'last' });
  stage.check('all thirteen targets of eight families converged', (first.stdout.match(/converged/g) ?? []).length >= 13);
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

  stage.say('7. A VLAN for the reception, written once: the firewall gets it with address and DHCP, the switch, the access point; the port and the WLAN that need it wait for it.');
  await stage.edit(`customers/${office}/network.yaml`, '      mandanten:\n        id: 40\n', '      empfang:\n        id: 60\n        subnet: 172.20.60.0/24\n        gateway: 172.20.60.1\n        dhcp:\n          from: 172.20.60.100\n          to: 172.20.60.199\n        description: Empfang und Wartebereich\n      mandanten:\n        id: 40\n');
  await stage.edit(`customers/${office}/network.yaml`, '      GigabitEthernet2:\n        mode: access\n        vlan: kanzlei\n', '      GigabitEthernet2:\n        mode: access\n        vlan: empfang\n');
  await stage.edit(`customers/${office}/network.yaml`, '        tagged: [dms, mandanten]\n', '        tagged: [dms, empfang, mandanten]\n');
  await stage.edit(`customers/${office}/network.yaml`, '        tagged: [mandanten]\n        poe: true\n', '        tagged: [empfang, mandanten]\n        poe: true\n');
  await stage.edit(`customers/${office}/network.yaml`, '      lan1:\n        mode: trunk\n        native: kanzlei\n        tagged: [mandanten]\n', '      lan1:\n        mode: trunk\n        native: kanzlei\n        tagged: [empfang, mandanten]\n');
  await stage.edit(`customers/${office}/network.yaml`, '      mandanten:\n        ssid: Kanzlei Vogt Gast\n', '      empfang:\n        ssid: Kanzlei Vogt Empfang\n        vlan: empfang\n        security: wpa2-wpa3-personal\n        passphrase:\n          $secret: wlan-kanzlei\n      mandanten:\n        ssid: Kanzlei Vogt Gast\n');
  await stage.commit('Ticket 4720: a network for the reception');
  const reception = await stage.soll(['plan', office, '--lab']);
  await stage.soll(['apply', office, '--lab', '--approve', digestOf(reception)]);
  await stage.soll(['plan', office, '--lab', '--detailed-exitcode']);
  stage.check('the VLAN is on firewall, switch and access point, the second plan is empty', true);

  stage.say('8. Somebody would shut down the port that the switch itself is reached by: that is refused, whoever approves it.');
  await stage.edit(`customers/${customer}/network.yaml`, '        role: uplink\n        description: Firewall\n', '        role: uplink\n        enabled: false\n        description: Firewall\n');
  await stage.commit('Ticket 4721: save power');
  const cut = await stage.soll(['plan', customer, '--lab'], { expect: 5 });
  stage.check('the way that would be cut is named', /lock-out/.test(cut.stderr + cut.stdout));
  await stage.edit(`customers/${customer}/network.yaml`, '        enabled: false\n', '');
  await stage.commit('Ticket 4721: taken back');

  stage.say('9. Nobody wrote down how the access point is reached, so nobody can know: its uplink is put into the guests\' VLAN, and the way to it is gone. Nobody can confirm, and the access point goes back by itself.');
  await stage.edit(`customers/${office}/network.yaml`, '      lan1:\n        mode: trunk\n        native: kanzlei\n        tagged: [empfang, mandanten]\n', '      lan1:\n        mode: trunk\n        native: mandanten\n        tagged: [empfang]\n');
  await stage.commit('Ticket 4722: guests only');
  const lockout = await stage.soll(['plan', office, '--lab']);
  const reverted = await stage.soll(['apply', office, '--lab', '--guard', '30', '--approve', digestOf(lockout)], { expect: 7 });
  stage.check('the run says reverted, not done', /reverted/.test(reverted.stdout + reverted.stderr));
  await stage.edit(`customers/${office}/network.yaml`, '        native: mandanten\n        tagged: [empfang]\n', '        native: kanzlei\n        tagged: [empfang, mandanten]\n');
  await stage.commit('Ticket 4722: taken back');
  await stage.soll(['plan', office, '--lab', '--detailed-exitcode']);
  stage.check('the access point is as before, and can be reached', true);

  stage.say('10. The change log is Git itself: who, what, approved by whom, with what result, in a chain that nobody can rewrite unseen.');
  const log = await stage.soll(['log', customer, '--lab']);
  stage.check('all three runs are recorded, with their reasons', (log.stdout.match(/^ *20\d\d-/gm) ?? []).length === 3 && log.stdout.includes('Ticket 4711'));
  await stage.soll(['audit', 'verify', customer, '--lab']);
}
