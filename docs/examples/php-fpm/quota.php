<?php
// SPDX-License-Identifier: MIT
//
// shmquota for PHP-FPM, by FFI: a component's amount is taken, or Denied is thrown. PHP forgets everything at the end of
// a request, and a segment should stay open: its address, and those of the handles, are kept in the table that libc has
// for each process (hsearch(3)). Other scripts cannot reach it: FFI is for what is preloaded, as this file is. Only what
// is used here is declared; include/shmquota.h is the reference.

namespace Shmquota;

/** What the library returns below 0; the code is the errno. */
class Error extends \RuntimeException
{
}

/** Over quota. */
class Denied extends \RuntimeException
{
    /** @param ?int $retryAfter in seconds, null where waiting does not help */
    public function __construct(string $text, public readonly bool $isRate, public readonly ?int $retryAfter)
    {
        parent::__construct($text);
    }
}

final class Segment
{
    public const STORAGE = 0, MESSAGES = 1, NETWORK = 2, CPU = 3, MEMORY = 4;
    private const WORK = 1; // enum shmq_access
    private const DENIED = 1, ESTALE = -116;
    private const FIND = 0, ENTER = 1; // enum ACTION of hsearch()
    private const KEPT = 4096; // names; have more than the segment has components

    private const DECLARATIONS = <<<'END'
        struct shmq_segment;
        struct shmq_component;
        struct shmq_verdict {
            int resource;
            uint32_t component;
            uint64_t current, requested, limit, remaining, retry_after_ns, period_ns;
        };
        const char *shmq_strerror(int result);
        int shmq_segment_open(struct shmq_segment **out, const char *name, int access);
        int shmq_component_find(struct shmq_component **out, struct shmq_segment *segment, const char *name);
        void shmq_component_put(struct shmq_component *component);
        int shmq_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
        int shmq_verdict_format(char *text, size_t size, const struct shmq_verdict *verdict);

        struct entry { char *key; void *data; };
        int hcreate(size_t size);
        struct entry *hsearch(struct entry item, int action);
        char *strdup(const char *text);
        void free(void *memory);
        END;

    private \FFI $lib;
    private \FFI\CData $segment;

    public function __construct(private readonly string $name)
    {
        $this->lib = \FFI::cdef(self::DECLARATIONS, 'libshmquota.so.0');
        $this->lib->hcreate(self::KEPT); // only the first of a process does anything
        $this->segment = $this->kept('', function () {
            $out = $this->lib->new('struct shmq_segment *');
            $this->expect($this->lib->shmq_segment_open(\FFI::addr($out), $this->name, self::WORK), $this->name);
            return $out;
        })->data;
    }

    /** Take an amount, or throw Denied. A component that is not there is an Error of code 2. */
    public function take(string $component, int $resource, int $amount): void
    {
        $verdict = $this->lib->new('struct shmq_verdict');
        for ($try = 1; $try <= 2; $try++) {
            $handle = $this->kept($component, fn () => $this->find($component));
            $result = $this->lib->shmq_try_consume($handle->data, $resource, $amount, \FFI::addr($verdict));
            if ($result !== self::ESTALE) {
                break;
            }
            $this->lib->shmq_component_put($handle->data); // unregistered; it may have come back
            $handle->data = null;
        }
        if ($result === self::DENIED) {
            throw $this->denied($verdict);
        }
        $this->expect($result, $component);
    }

    private function find(string $component): \FFI\CData
    {
        $out = $this->lib->new('struct shmq_component *');
        $this->expect($this->lib->shmq_component_find(\FFI::addr($out), $this->segment, $component), $component);
        return $out;
    }

    /** The entry of a name in the table of this process. Only names that are there get one: clients choose what they ask for. */
    private function kept(string $name, callable $make): \FFI\CData
    {
        $item = $this->lib->new('struct entry');
        $item->key = $this->lib->strdup("shmquota $this->name $name");
        $entry = $this->lib->hsearch($item, self::FIND);
        if ($entry !== null && $entry->data !== null) {
            $this->lib->free($item->key);
            return $entry;
        }
        try {
            $made = $make();
        } catch (Error $error) {
            $this->lib->free($item->key);
            throw $error;
        }
        $entry ??= $this->lib->hsearch($item, self::ENTER) ?? throw new Error("$name: raise KEPT", 12);
        $entry->data = $this->lib->cast('void *', $made);
        return $entry;
    }

    private function expect(int $result, string $name): void
    {
        if ($result < 0) {
            throw new Error($name . ': ' . $this->lib->shmq_strerror($result), -$result);
        }
    }

    private function denied(\FFI\CData $verdict): Denied
    {
        $text = $this->lib->new('char[256]');
        $this->lib->shmq_verdict_format($text, 256, \FFI::addr($verdict));
        // UINT64_MAX, "waiting would not help", is -1 here.
        $wait = $verdict->retry_after_ns < 0 ? null : intdiv($verdict->retry_after_ns + 999_999_999, 1_000_000_000);
        return new Denied(\FFI::string($text), $verdict->period_ns !== 0, $wait);
    }
}
