// A load on the controller's health and function list: k6 run -e PHASEGATE_TARGET_URL=http://... health.js
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Trend } from 'k6/metrics';

const target = __ENV.PHASEGATE_TARGET_URL;
const look = new Trend('look_around', true);

export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: 50,
      timeUnit: '1s',
      duration: '5s',
      preAllocatedVUs: 20,
    },
  },
  thresholds: {
    'http_req_duration{name:health}': ['p(95)<500'],
    checks: ['rate>0.99'],
  },
};

export default function () {
  const started = Date.now();
  const health = http.get(`${target}/health`, { tags: { name: 'health' } });
  check(health, {
    'health answers 200': (answer) => answer.status === 200,
    'health is ok': (answer) => answer.json('status') === 'ok',
  });
  const functions = http.get(`${target}/api/v1/functions`, { tags: { name: 'functions' } });
  check(functions, { 'functions answer 200': (answer) => answer.status === 200 });
  look.add(Date.now() - started);
  sleep(0.01);
}
