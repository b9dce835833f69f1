#include "proxy/routes/certificate_json.h"
#include "proxy/base/date.h"
#include "proxy/base/json.h"
#include "proxy/routes/expiry.h"

void certificate_json(const struct tls_identity_facts *f, time_t now, struct buf *out)
{
    char date[DATE_TEXT_SIZE];
    json_string(out, "subject", f->subject);
    json_string(out, "issuer", f->issuer);
    json_bool(out, "self_signed", f->self_signed);
    json_string(out, "serial", f->serial);
    json_string(out, "fingerprint", f->fingerprint);
    json_array(out, "names");
    for (size_t i = 0; i < f->name_count; i++)
        json_string(out, NULL, f->names[i]);
    json_array_end(out);
    date_text(f->not_before, date);
    json_string(out, "not_before", date);
    date_text(f->not_after, date);
    json_string(out, "not_after", date);
    json_number(out, "days_left", expiry_days(f->not_after, now));
    json_string(out, "key", f->key);
    json_string(out, "key_type", f->key_type == TLS_KEY_RSA ? "rsa" : "ec");
    json_number(out, "key_bits", f->key_bits);
}
