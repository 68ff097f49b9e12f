/* SPDX-License-Identifier: MIT */
/*
 * Boost.Interprocess: an unordered map from names to windows in managed shared memory, behind one mutex, as its manual
 * does it. Looking a name up allocates nothing: the map is asked with the caller's characters. The object of shared
 * memory loses its name as soon as it is there.
 *
 * The mutex is not robust: it stays locked for ever where its holder dies.
 */
#include "limiter.h"

#include <boost/functional/hash.hpp>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/string.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/unordered_map.hpp>

#include <cstdio>
#include <ctime>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace ipc = boost::interprocess;

namespace
{

struct account {
	std::uint64_t start_ms, used;
};

template <typename T> using shared_allocator = ipc::allocator<T, ipc::managed_shared_memory::segment_manager>;
using shared_string = ipc::basic_string<char, std::char_traits<char>, shared_allocator<char>>;

std::string_view view(const shared_string &text)
{
	return {text.data(), text.size()};
}

std::string_view view(std::string_view text)
{
	return text;
}

struct name_hash {
	template <typename T> std::size_t operator()(const T &name) const
	{
		const std::string_view text = view(name);

		return boost::hash_range(text.begin(), text.end());
	}
};

struct name_equal {
	template <typename T, typename U> bool operator()(const T &one, const U &other) const
	{
		return view(one) == view(other);
	}
};

using account_map = boost::unordered_map<shared_string, account, name_hash, name_equal,
                                         shared_allocator<std::pair<const shared_string, account>>>;

ipc::managed_shared_memory *memory;
ipc::interprocess_mutex *mutex;
account_map *accounts;

void create()
{
	const std::string name = "shmq-compare-boost-" + std::to_string(getpid());
	const std::size_t size = (std::size_t{16} << 20) + 512 * std::size_t{key_classes[KIND_OPEN].count};

	memory = new ipc::managed_shared_memory(ipc::create_only, name.c_str(), size);
	ipc::shared_memory_object::remove(name.c_str());
	mutex = memory->construct<ipc::interprocess_mutex>("mutex")();
	accounts =
	    memory->construct<account_map>("accounts")(0, name_hash(), name_equal(), memory->get_allocator<char>());
	for (int kind = 0; kind < KINDS; kind++) {
		const struct key *keys = keys_of(static_cast<enum key_kind>(kind));

		for (std::uint32_t i = 0; i < key_classes[kind].count; i++)
			accounts->emplace(shared_string(keys[i].name, memory->get_allocator<char>()), account{0, 0});
	}
}

int start(const struct limiter_site * /* site */)
{
	try {
		create();
	} catch (const std::exception &problem) {
		std::fprintf(stderr, "Boost.Interprocess: %s\n", problem.what());
		return -1;
	}
	return 0;
}

std::uint64_t now_ms()
{
	struct timespec now = {};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000000;
}

int take(enum key_kind kind, const struct key *key)
{
	const struct key_class &limits = key_classes[kind];
	const std::uint64_t now = now_ms();
	const ipc::scoped_lock<ipc::interprocess_mutex> lock(*mutex);
	const auto found = accounts->find(std::string_view(key->name), name_hash(), name_equal());

	if (found == accounts->end())
		return -1;
	account &account = found->second;
	if (now >= account.start_ms + limits.window_ms) {
		account.start_ms = now - now % limits.window_ms;
		account.used = 0;
	}
	if (account.used >= limits.limit)
		return 0;
	account.used++;
	return 1;
}

LIMITER_DEFINE_RUN(run, take(kind, key))

} // namespace

extern "C" const struct limiter limiter_boost = {
    "boost", "Boost.Interprocess mutex, unordered_map", LIMITER_HERE, WINDOWS_ALIGNED, 0, start, run,
};
