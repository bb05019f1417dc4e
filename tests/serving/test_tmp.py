import time
def test_a(model):
    print(model.contract.tiers, model.base_margin)
def test_b(service, tokens):
    with service.client(tokens['reviewer']) as c:
        for m,p in [('GET','/'),('GET','/readyz'),('GET','/livez'),('GET','/healthz'),('GET','/metrics'),('GET','/schema.json'),('GET','/docs.json'),('GET','/static_content/index.html'),('GET','/openapi.json'),('GET','/v1/nothing/张三'),('POST','/readyz'),('GET','/v1/score'),('TRACE','/v1/score'),('FOO','/v1/score'),('GET','/v1/score/'),('HEAD','/v1/model'),('OPTIONS','/v1/score'),('GET','/v1//model'),('GET','/v1/assessments/a%00b'),('GET','/v1/assessments/%ED%A0%80'),('GET','/metrics')]:
            r=c.request(m,p); print(m,p,r.status_code,dict(r.headers), r.text[:300 if p!='/metrics' else 3000]); print()
    print(service.log.read_text())
